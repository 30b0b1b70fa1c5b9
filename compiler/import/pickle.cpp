#include "compiler/import/pickle.h"

#include "compiler/import/pt2_weights.h"
#include "compiler/import/text.h"

#include "absl/status/status.h"

#include <cstring>
#include <optional>

namespace linalgd {
namespace {

constexpr size_t kMaxBytes = size_t(256) << 20;
// What is remembered can be used again and again: what is copied from there is bounded.
constexpr size_t kMaxParts = 64;
constexpr size_t kMaxText = 4096;

enum class Kind : uint8_t {
  None,
  Integer, // and booleans
  String,
  Sequence, // tuple or list
  Dict,
  Global,
  Storage,
  Tensor,
  Opaque,
};

using Ref = uint32_t; // index into the arena

struct Object {
  Kind kind = Kind::None;
  int64_t integer = 0;        // Integer
  std::string_view text = {}; // String, Global ("module\nname")
  std::vector<Ref> elements =
      {};            // Sequence; Dict: keys and values in turn; Storage: its description
  size_t tensor = 0; // Tensor: index
};

std::optional<DType> dtypeOfName(std::string_view name) {
  static constexpr struct {
    std::string_view storage;
    DType dtype;
  } kStorages[] = {{"FloatStorage", DType::Float32},
                   {"DoubleStorage", DType::Float64},
                   {"HalfStorage", DType::Float16},
                   {"BFloat16Storage", DType::BFloat16},
                   {"LongStorage", DType::Int64},
                   {"IntStorage", DType::Int32},
                   {"ShortStorage", DType::Int16},
                   {"CharStorage", DType::Int8},
                   {"ByteStorage", DType::UInt8},
                   {"BoolStorage", DType::Bool},
                   {"ComplexFloatStorage", DType::Complex64},
                   {"ComplexDoubleStorage", DType::Complex128}};
  if (!name.starts_with("torch\n"))
    return std::nullopt;
  name.remove_prefix(6);
  for (const auto &[storage, dtype] : kStorages)
    if (name == storage)
      return dtype;
  return parseDType(name);
}

// Also of the storages that linalgd has no tensors of.
std::optional<uint64_t> storageElementBytes(std::string_view name) {
  if (std::optional<DType> dtype = dtypeOfName(name))
    return dtypeBytes(*dtype);
  if (name == "torch\nQInt8Storage" || name == "torch\nQUInt8Storage")
    return 1;
  if (name == "torch\nQInt32Storage")
    return 4;
  return std::nullopt;
}

class Unpickler {
public:
  explicit Unpickler(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<std::map<std::string, PickledTensor>> tensors() {
    if (absl::Status status = run(); !status.ok())
      return status;
    std::map<std::string, PickledTensor> result;
    if (stack_.empty() || arena_[stack_.back()].kind != Kind::Dict)
      return absl::InvalidArgumentError("the pickle is no dictionary");
    const std::vector<Ref> &items = arena_[stack_.back()].elements;
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const Object &key = arena_[items[i]], &value = arena_[items[i + 1]];
      if (key.kind == Kind::String && key.text.size() <= kMaxText && value.kind == Kind::Tensor)
        result.insert_or_assign(std::string(key.text), tensors_[value.tensor]);
    }
    return result;
  }

  absl::Status check(const StorageBytes &storageBytes) {
    if (absl::Status status = run(); !status.ok())
      return status;
    for (const Object &object : arena_)
      if (object.kind == Kind::Storage)
        if (absl::Status status = checkStorage(object.elements, storageBytes); !status.ok())
          return status;
    for (const std::vector<Ref> &arguments : quantized_)
      if (std::string problem = quantizedProblem(arguments, storageBytes); !problem.empty())
        return absl::InvalidArgumentError(concat("a quantized tensor: ", problem));
    return absl::OkStatus();
  }

  absl::Status checkRanges() {
    if (absl::Status status = run(); !status.ok())
      return status;
    const Object *top = stack_.empty() ? nullptr : &arena_[stack_.back()];
    const Object *lines = top;
    std::optional<size_t> numTexts;
    if (hasParts(top, 3) && arena_[top->elements[0]].text == "FORMAT_WITH_STRING_TABLE") {
      numTexts = arena_[top->elements[1]].elements.size();
      lines = &arena_[top->elements[2]];
    }
    bool whole = hasParts(lines, numTexts ? 0 : 1); // of a file without code there are none
    for (size_t i = 0; whole && i < lines->elements.size(); ++i)
      whole = hasParts(&arena_[lines->elements[i]], 2);
    for (const Object &object : arena_)
      whole = whole && object.kind != Kind::Storage &&
              (!numTexts || isWithin(object, static_cast<int64_t>(*numTexts)));
    return whole ? absl::OkStatus()
                 : absl::InvalidArgumentError("the places of the code's lines are broken");
  }

private:
  static bool hasParts(const Object *object, size_t least) {
    return object && object->kind == Kind::Sequence && object->elements.size() >= least;
  }

  // A source is (indices of texts, index of the file's name or -1, line).
  bool isWithin(const Object &source, int64_t numTexts) const {
    if (source.kind != Kind::Sequence || source.elements.size() != 3)
      return true;
    const Object &texts = arena_[source.elements[0]], &name = arena_[source.elements[1]];
    if (texts.kind != Kind::Sequence || name.kind != Kind::Integer)
      return true;
    bool within = true;
    for (Ref text : texts.elements) {
      if (arena_[text].kind != Kind::Integer)
        return true; // a range: (source, start, end)
      within = within && arena_[text].integer >= 0 && arena_[text].integer < numTexts;
    }
    return within && name.integer < numTexts;
  }

  absl::Status run() {
    while (error_.empty() && !stopped_)
      step();
    return error_.empty() ? absl::OkStatus()
                          : absl::InvalidArgumentError(
                                concat("the pickle cannot be read: ", error_, " at byte ", at_));
  }

  absl::Status checkStorage(const std::vector<Ref> &parts, const StorageBytes &storageBytes) const {
    std::optional<uint64_t> elementBytes = storageElementBytes(arena_[parts[1]].text);
    if (!elementBytes)
      return absl::UnimplementedError(
          concat("a tensor's storage is a ", escaped(arena_[parts[1]].text)));
    int64_t count =
        parts.size() > 4 && arena_[parts[4]].kind == Kind::Integer ? arena_[parts[4]].integer : -1;
    std::string_view key = arena_[parts[2]].text;
    std::optional<uint64_t> bytes = count == 0 ? 0 : storageBytes(key);
    if (!bytes)
      return absl::InvalidArgumentError(concat("there is no storage '", escaped(key), "'"));
    if (count < 0 || *bytes / *elementBytes != static_cast<uint64_t>(count) ||
        *bytes % *elementBytes != 0)
      return absl::InvalidArgumentError(concat("storage '", escaped(key), "' has ", *bytes,
                                               " bytes, and not ", count, " elements of ",
                                               *elementBytes));
    return absl::OkStatus();
  }

  // _rebuild_qtensor(storage, offset, sizes, strides, (scheme, scale, zero point) or (scheme,
  // scales, zero points, axis), …), which libtorch builds as it is told.
  std::string quantizedProblem(const std::vector<Ref> &arguments,
                               const StorageBytes &storageBytes) const {
    if (arguments.size() < 5 || arena_[arguments[0]].kind != Kind::Storage ||
        arena_[arguments[1]].kind != Kind::Integer)
      return "it is not written as PyTorch writes them";
    auto sizes = integers(arguments[2]), strides = integers(arguments[3]);
    const std::vector<Ref> &storage = arena_[arguments[0]].elements;
    // Storages have been checked.
    uint64_t elementBytes = storageElementBytes(arena_[storage[1]].text).value_or(1);
    if (!sizes || !strides || sizes->size() != strides->size())
      return "its sizes and strides are not lists of integers of one length";
    Pt2TensorMeta meta;
    meta.dtype = elementBytes == 4 ? DType::Int32 : DType::Int8;
    meta.sizes = *sizes;
    meta.strides = *std::move(strides);
    meta.storageOffset = arena_[arguments[1]].integer;
    if (std::string problem =
            storageProblem(meta, storageBytes(arena_[storage[2]].text).value_or(0));
        !problem.empty())
      return problem;
    const Object &parameters = arena_[arguments[4]];
    if (!hasParts(&parameters, 3) || arena_[parameters.elements[0]].kind != Kind::Global)
      return "its scale and zero point are not written as PyTorch writes them";
    return parameters.elements.size() > 3 ? axisProblem(parameters.elements, *sizes) : "";
  }

  std::string axisProblem(const std::vector<Ref> &parameters,
                          const std::vector<int64_t> &sizes) const {
    const Object &axis = arena_[parameters[3]];
    if (axis.kind != Kind::Integer || axis.integer < 0 ||
        static_cast<uint64_t>(axis.integer) >= sizes.size())
      return concat("it is quantized along dimension ", axis.integer, " of ", sizes.size());
    int64_t count = sizes[static_cast<size_t>(axis.integer)];
    for (size_t i = 1; i <= 2; ++i) {
      const Object &vector = arena_[parameters[i]];
      if (vector.kind != Kind::Tensor || tensors_[vector.tensor].sizes != std::vector{count})
        return concat("it has not one scale and zero point for each of the ", count,
                      " indices of dimension ", axis.integer);
    }
    return "";
  }

  void fail(std::string_view what) {
    if (error_.empty())
      error_ = what;
  }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - at_) {
      fail("it is truncated");
      return {};
    }
    std::string_view result = bytes_.substr(at_, count);
    at_ += count;
    return result;
  }
  template <typename T> T number() {
    T value = 0;
    take(sizeof value).copy(reinterpret_cast<char *>(&value), sizeof value);
    return value;
  }
  void line() {
    size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos)
      return fail("it is truncated");
    at_ = end + 1;
  }

  void push(Object object) {
    stack_.push_back(static_cast<Ref>(arena_.size()));
    arena_.push_back(std::move(object));
  }
  void pushText(Kind kind, std::string_view text) {
    Object object{kind};
    object.text = text;
    push(std::move(object));
  }
  void pushInteger(int64_t value) {
    Object object{Kind::Integer};
    object.integer = value;
    push(std::move(object));
  }
  Ref pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) {
      fail("it takes more than it has put");
      return none();
    }
    Ref result = stack_.back();
    stack_.pop_back();
    return result;
  }
  Ref none() {
    arena_.emplace_back();
    return static_cast<Ref>(arena_.size() - 1);
  }
  Object *top(Kind kind) {
    size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() > floor && arena_[stack_.back()].kind == kind)
      return &arena_[stack_.back()];
    return nullptr;
  }
  std::vector<Ref> popToMark() {
    if (marks_.empty()) {
      fail("a mark is missing");
      return {};
    }
    std::vector<Ref> items(stack_.begin() + static_cast<ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void pushSequence(std::vector<Ref> elements) {
    Object object{Kind::Sequence};
    object.elements = std::move(elements);
    push(std::move(object));
  }
  void pushTuple(size_t count) {
    std::vector<Ref> elements(count);
    for (size_t i = count; i-- > 0;)
      elements[i] = pop();
    pushSequence(std::move(elements));
  }

  void remember(uint64_t index) {
    if (index >= bytes_.size() || stack_.empty())
      return fail("its memo is out of bounds");
    if (index >= memo_.size())
      memo_.resize(index + 1, kNothing);
    memo_[index] = stack_.back();
  }
  void recall(uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kNothing)
      return fail("it refers to what was not remembered");
    stack_.push_back(memo_[index]);
  }

  // Adds to the list or dictionary below; what is opaque takes anything.
  void extend(Kind kind, const std::vector<Ref> &items) {
    Object *container = top(kind);
    if (!container && !top(Kind::Opaque))
      return fail("it adds to something that is no container");
    if (container)
      container->elements.insert(container->elements.end(), items.begin(), items.end());
  }

  std::optional<std::vector<int64_t>> integers(Ref ref) const {
    std::vector<int64_t> result;
    if (arena_[ref].kind != Kind::Sequence || arena_[ref].elements.size() > kMaxParts)
      return std::nullopt;
    for (Ref item : arena_[ref].elements) {
      if (arena_[item].kind != Kind::Integer)
        return std::nullopt;
      result.push_back(arena_[item].integer);
    }
    return result;
  }

  // ("storage", type, key, device, number of elements)
  void persistentId() {
    Ref id = pop();
    Object object{Kind::Storage};
    object.elements = arena_[id].elements;
    const std::vector<Ref> &parts = object.elements;
    if (arena_[id].kind != Kind::Sequence || parts.size() < 4 || parts.size() > kMaxParts ||
        arena_[parts[1]].kind != Kind::Global || arena_[parts[2]].kind != Kind::String ||
        arena_[parts[3]].kind != Kind::String || arena_[parts[2]].text.size() > kMaxText ||
        arena_[parts[3]].text.size() > kMaxText)
      return fail("it describes a storage in a way that linalgd does not know");
    push(std::move(object));
  }

  // _rebuild_tensor_v2(storage, offset, sizes, strides, …); v3 gives the dtype as well.
  std::optional<PickledTensor> rebuildTensor(const std::vector<Ref> &arguments, bool hasDType) {
    if (arguments.size() < (hasDType ? 7u : 4u) || arena_[arguments[0]].kind != Kind::Storage ||
        arena_[arguments[1]].kind != Kind::Integer)
      return std::nullopt;
    const std::vector<Ref> &storage = arena_[arguments[0]].elements;
    std::optional<DType> dtype = dtypeOfName(arena_[hasDType ? arguments[6] : storage[1]].text);
    auto sizes = integers(arguments[2]), strides = integers(arguments[3]);
    if (!dtype || !sizes || !strides)
      return std::nullopt;
    return PickledTensor{*dtype,
                         std::string(arena_[storage[2]].text),
                         std::string(arena_[storage[3]].text),
                         arena_[arguments[1]].integer,
                         *std::move(sizes),
                         *std::move(strides)};
  }

  void reduce() {
    Ref arguments = pop(), callee = pop();
    std::string_view name = arena_[callee].text;
    Object object{Kind::Opaque};
    if (arena_[callee].kind == Kind::Global && arena_[arguments].kind == Kind::Sequence) {
      const std::vector<Ref> &given = arena_[arguments].elements;
      if (name == "torch.jit._pickle\nbuild_intlist" && given.size() == 1)
        return stack_.push_back(given[0]);
      if (name == "torch._utils\n_rebuild_qtensor")
        quantized_.push_back(given);
      bool v3 = name == "torch._utils\n_rebuild_tensor_v3";
      if (v3 || name == "torch._utils\n_rebuild_tensor_v2") {
        if (auto tensor = rebuildTensor(given, v3)) {
          object.kind = Kind::Tensor;
          object.tensor = tensors_.size();
          tensors_.push_back(*std::move(tensor));
        }
      } else if ((name == "torch._utils\n_rebuild_parameter" ||
                  name == "torch._utils\n_rebuild_parameter_with_state") &&
                 !given.empty() && arena_[given[0]].kind == Kind::Tensor) {
        object = arena_[given[0]];
      } else if (name == "collections\nOrderedDict" && given.empty()) {
        object.kind = Kind::Dict;
      }
    }
    push(std::move(object));
  }

  void longInteger(uint64_t count) {
    std::string_view raw = take(count);
    if (raw.size() > 8)
      return pushText(Kind::Opaque, {});
    uint64_t value = 0;
    for (size_t i = raw.size(); i-- > 0;)
      value = value << 8 | static_cast<uint8_t>(raw[i]);
    if (!raw.empty() && raw.size() < 8 && (static_cast<uint8_t>(raw.back()) & 0x80))
      value |= ~uint64_t(0) << (8 * raw.size());
    pushInteger(static_cast<int64_t>(value));
  }

  // "module\nname\n"; its text is that without the last line break.
  void global() {
    size_t start = at_;
    line();
    line();
    if (error_.empty())
      pushText(Kind::Global, bytes_.substr(start, at_ - start - 1));
  }

  void step() {
    if (at_ >= bytes_.size())
      return fail("it is truncated");
    if (!stepValue(bytes_[at_++]))
      fail("it has an operation that linalgd does not read");
  }

  bool stepValue(char code) {
    switch (code) {
    case '\x80': // PROTO
      take(1);
      return true;
    case '.':
      stopped_ = true;
      return true;
    case 'N':
      push({});
      return true;
    case '\x88':
    case '\x89':
      pushInteger(code == '\x88');
      return true;
    case 'J':
      pushInteger(number<int32_t>());
      return true;
    case 'K':
      pushInteger(number<uint8_t>());
      return true;
    case 'M':
      pushInteger(number<uint16_t>());
      return true;
    case '\x8a':
      longInteger(number<uint8_t>());
      return true;
    case 'G':
      take(8);
      pushText(Kind::Opaque, {});
      return true;
    case 'X':
      pushText(Kind::String, take(number<uint32_t>()));
      return true;
    case 'c':
      global();
      return true;
    default:
      return stepStructure(code);
    }
  }

  bool stepStructure(char code) {
    switch (code) {
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case ')':
    case ']':
      pushSequence({});
      return true;
    case '}':
      push({Kind::Dict});
      return true;
    case 't':
      pushSequence(popToMark());
      return true;
    case '\x85':
    case '\x86':
    case '\x87':
      pushTuple(static_cast<size_t>(code - '\x84'));
      return true;
    case 'a': {
      Ref item = pop();
      extend(Kind::Sequence, {item});
      return true;
    }
    case 's': {
      Ref value = pop(), key = pop();
      extend(Kind::Dict, {key, value});
      return true;
    }
    case 'e':
      extend(Kind::Sequence, popToMark());
      return true;
    case 'u': {
      std::vector<Ref> items = popToMark();
      if (items.size() % 2 != 0)
        fail("a key has no value");
      extend(Kind::Dict, items);
      return true;
    }
    case 'b': // BUILD: the attributes of what stays below
      pop();
      return true;
    case 'R':
      reduce();
      return true;
    case '\x81': // NEWOBJ
      pop();
      pop();
      pushText(Kind::Opaque, {});
      return true;
    case 'Q':
      persistentId();
      return true;
    case 'q':
      remember(number<uint8_t>());
      return true;
    case 'r':
      remember(number<uint32_t>());
      return true;
    case 'h':
      recall(number<uint8_t>());
      return true;
    case 'j':
      recall(number<uint32_t>());
      return true;
    default:
      return false;
    }
  }

  static constexpr Ref kNothing = UINT32_MAX;

  std::string_view bytes_;
  size_t at_ = 0;
  bool stopped_ = false;
  std::string error_;
  std::vector<Object> arena_;
  std::vector<Ref> stack_, memo_;
  std::vector<size_t> marks_;
  std::vector<PickledTensor> tensors_;
  std::vector<std::vector<Ref>> quantized_; // what quantized tensors are made from
};

} // namespace

static absl::Status checkSize(std::string_view bytes) {
  if (bytes.size() <= kMaxBytes)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      concat("the pickle has ", bytes.size(), " bytes, more than ", kMaxBytes));
}

absl::StatusOr<std::map<std::string, PickledTensor>> readPickledTensors(std::string_view bytes) {
  if (absl::Status status = checkSize(bytes); !status.ok())
    return status;
  return Unpickler(bytes).tensors();
}

absl::Status checkPickle(std::string_view bytes, const StorageBytes &storageBytes) {
  if (absl::Status status = checkSize(bytes); !status.ok())
    return status;
  return Unpickler(bytes).check(storageBytes);
}

absl::Status checkSourceRanges(std::string_view bytes) {
  if (absl::Status status = checkSize(bytes); !status.ok())
    return status;
  return Unpickler(bytes).checkRanges();
}

} // namespace linalgd
