// numpy's .npy files.
#include "linalgd/tensor.h"

#include "client/cpp/src/dtypes.h"
#include "client/cpp/src/file.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <cstring>
#include <optional>

namespace linalgd::client {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);

absl::Status invalid(const std::string &path, const std::string &why) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": not a .npy file that linalgd reads: ", why));
}

// The text after `'key':` in the header, a Python dictionary as numpy writes it.
std::optional<std::string_view> valueOf(std::string_view header, std::string_view key) {
  size_t at = header.find("'" + std::string(key) + "':");
  if (at == std::string_view::npos)
    return std::nullopt;
  header.remove_prefix(at + key.size() + 3);
  size_t start = header.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string_view() : header.substr(start);
}

std::optional<std::vector<int64_t>> parseShape(std::string_view text) {
  size_t end = text.find(')');
  if (text.empty() || text[0] != '(' || end == std::string_view::npos)
    return std::nullopt;
  std::vector<int64_t> shape;
  std::string digits;
  for (char c : text.substr(1, end)) {
    if (c >= '0' && c <= '9') {
      digits += c;
      if (digits.size() > 18)
        return std::nullopt;
    } else if (c == ',' || c == ')') {
      if (!digits.empty())
        shape.push_back(std::stoll(digits));
      digits.clear();
    } else if (c != ' ') {
      return std::nullopt;
    }
  }
  return shape;
}

const Dtype *parseDescr(std::string_view text) {
  size_t end = text.size() < 2 ? std::string_view::npos : text.find('\'', 1);
  if (end == std::string_view::npos || text[0] != '\'')
    return nullptr;
  std::string_view descr = text.substr(1, end - 1);
  if (descr == "|V2")
    descr = "<V2";
  return findDtype([&](const Dtype &dtype) { return dtype.npy == descr; });
}

struct Header {
  const Dtype *dtype = nullptr;
  std::vector<int64_t> shape;
  bool fortranOrder = false;
  size_t dataOffset = 0;
};

absl::StatusOr<Header> parseHeader(const std::string &path, std::string_view bytes) {
  if (bytes.size() < 12 || bytes.substr(0, 6) != kMagic)
    return invalid(path, "it does not begin like one");
  auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(bytes[i])); };
  size_t version = byte(6);
  if (version != 1 && version != 2)
    return invalid(path, absl::StrCat("version ", version));
  size_t begin = version == 1 ? 10 : 12;
  size_t length = byte(8) | byte(9) << 8;
  if (version == 2)
    length |= byte(10) << 16 | byte(11) << 24;
  if (length > bytes.size() - begin)
    return invalid(path, "it ends inside its header");
  std::string_view text = bytes.substr(begin, length);
  std::optional<std::string_view> descr = valueOf(text, "descr");
  std::optional<std::string_view> order = valueOf(text, "fortran_order");
  std::optional<std::string_view> shape = valueOf(text, "shape");
  if (!descr || !order || !shape)
    return invalid(path, "its header lacks descr, fortran_order or shape");
  Header header;
  header.dataOffset = begin + length;
  header.fortranOrder = order->substr(0, 4) == "True";
  header.dtype = parseDescr(*descr);
  if (!header.dtype)
    return invalid(path, absl::StrCat("element type ", std::string(descr->substr(0, 20)),
                                      "; save it as a little-endian number type"));
  std::optional<std::vector<int64_t>> sizes = parseShape(*shape);
  if (!sizes)
    return invalid(path, "its shape is malformed");
  header.shape = std::move(*sizes);
  return header;
}

} // namespace

absl::StatusOr<Tensor> readNpy(const std::string &path) {
  absl::StatusOr<std::shared_ptr<MappedFile>> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  std::string_view bytes = (*file)->bytes();
  absl::StatusOr<Header> header = parseHeader(path, bytes);
  if (!header.ok())
    return header.status();
  if (header->fortranOrder && header->shape.size() > 1)
    return invalid(path, "Fortran order; save numpy.ascontiguousarray of it");
  absl::StatusOr<Tensor> tensor = Tensor::zeros(header->dtype->name, header->shape);
  if (!tensor.ok())
    return invalid(path, std::string(tensor.status().message()));
  if (tensor->numBytes() != bytes.size() - header->dataOffset)
    return invalid(path, absl::StrCat("its shape needs ", tensor->numBytes(), " bytes, it holds ",
                                      bytes.size() - header->dataOffset));
  if (tensor->numBytes())
    std::memcpy(tensor->data(), bytes.data() + header->dataOffset, tensor->numBytes());
  return tensor;
}

absl::Status writeNpy(const std::string &path, const Tensor &tensor) {
  const Dtype *dtype = dtypeNamed(tensor.dtype());
  if (!dtype || !tensor.contiguous())
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": only contiguous tensors of a known dtype can be saved"));
  std::vector<int64_t> shape = tensor.shape();
  std::string header =
      absl::StrCat("{'descr': '", std::string(dtype->npy), "', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(shape, ", "), shape.size() == 1 ? ",), }" : "), }");
  size_t unpadded = kMagic.size() + 4 + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';
  std::string start(kMagic);
  start += '\1';
  start += '\0';
  start += static_cast<char>(header.size() & 0xff);
  start += static_cast<char>(header.size() >> 8);
  start += header;
  std::string_view data(static_cast<const char *>(tensor.data()), tensor.numBytes());
  return writeFile(path, {start, data});
}

} // namespace linalgd::client
