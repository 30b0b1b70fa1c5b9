#include "tests/fuzz/support.h"

#include <algorithm>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace linalgd::fuzz {
namespace {

// A word, a number, a string, one line break, other space, or one other character.
std::vector<std::string_view> tokensOf(std::string_view text) {
  auto isWord = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.'; };
  std::vector<std::string_view> tokens;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    if (isWord(text[at])) {
      while (end < text.size() && isWord(text[end]))
        ++end;
    } else if (text[at] == '"' || text[at] == '\'') {
      size_t close = text.find(text[at], end);
      end = close == std::string_view::npos ? end : close + 1;
    } else if (text[at] == ' ') {
      while (end < text.size() && text[end] == ' ')
        ++end;
    }
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

std::string joined(const std::vector<std::string_view> &parts) {
  std::string result;
  for (std::string_view part : parts)
    result += part;
  return result;
}

constexpr std::string_view kNumbers[] = {"0",
                                         "1",
                                         "-1",
                                         "2",
                                         "255",
                                         "65536",
                                         "2147483647",
                                         "-2147483648",
                                         "4294967296",
                                         "0.5",
                                         "1e400",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "18446744073709551616"};

// Of the same kind, so that a program stays one: a word for a word, a number for a number.
int kindOf(std::string_view token) {
  unsigned char c = token.front();
  return std::isdigit(c) ? 0 : std::isalpha(c) || c == '_' ? 1 : c == ' ' ? 2 : 3;
}

// A long token that is repeated, again and again, would fill the memory.
constexpr size_t kMostRepeated = 1 << 16;

void mutateTokens(std::vector<std::string_view> &tokens, Random &random, std::string &storage) {
  size_t at = random.below(tokens.size());
  switch (random.below(7)) {
  case 0:
    tokens.erase(tokens.begin() + static_cast<ptrdiff_t>(at));
    break;
  case 1:
    tokens.insert(tokens.begin() + static_cast<ptrdiff_t>(at), tokens[random.below(tokens.size())]);
    break;
  case 2:
    std::swap(tokens[at], tokens[random.below(tokens.size())]);
    break;
  case 3: { // a bracket or a word many times over: what recursion meets
    storage.clear();
    for (size_t i = size_t(1) << random.below(12); i-- > 0 && storage.size() < kMostRepeated;)
      storage += tokens[at];
    tokens[at] = storage;
    break;
  }
  case 4:
    for (size_t i = 0; i < tokens.size(); ++i)
      if (std::string_view &token = tokens[(at + i) % tokens.size()]; kindOf(token) == 0) {
        token = kNumbers[random.below(std::size(kNumbers))];
        break;
      }
    break;
  default:
    for (size_t tries = 0; tries < 16; ++tries)
      if (std::string_view other = tokens[random.below(tokens.size())];
          other != tokens[at] && kindOf(other) == kindOf(tokens[at])) {
        tokens[at] = other;
        break;
      }
  }
}

void mutateLines(std::vector<std::string_view> &lines, Random &random) {
  size_t at = random.below(lines.size()), other = random.below(lines.size());
  switch (random.below(3)) {
  case 0:
    lines.erase(lines.begin() + static_cast<ptrdiff_t>(at));
    break;
  case 1:
    lines.insert(lines.begin() + static_cast<ptrdiff_t>(at), lines[other]);
    break;
  default:
    std::swap(lines[at], lines[other]);
  }
}

} // namespace

uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15u; // splitmix64
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void mutateBytes(std::string &content, Random &) {
  size_t size = content.size();
  content.resize(std::max<size_t>(size + 64, 2 * std::min<size_t>(size, 4096)));
  content.resize(
      LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(content.data()), size, content.size()));
}

void mutateText(std::string &content, Random &random) {
  if (content.empty() || random.oneIn(4))
    return mutateBytes(content, random);
  for (size_t rounds = 1 + random.below(3); rounds-- > 0 && !content.empty();) {
    std::string storage;
    bool byLine = random.oneIn(4);
    std::vector<std::string_view> parts = byLine ? linesOf(content) : tokensOf(content);
    if (byLine)
      mutateLines(parts, random);
    else
      mutateTokens(parts, random, storage);
    content = joined(parts);
  }
}

size_t applyMutator(const Mutator &mutator, uint8_t *data, size_t size, size_t maxSize,
                    unsigned seed) {
  Random random(seed);
  std::string content(reinterpret_cast<const char *>(data), size);
  mutator(content, random);
  if (content.empty() || content.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::ranges::copy(content, data);
  return content.size();
}

} // namespace linalgd::fuzz
