#include "cmd/change_flag.h"

#include <algorithm>
#include <charconv>

#include "engine/oci/json.h"
#include "engine/runtime/stop_signal.h"
#include "engine/runtime/word_expansion.h"

namespace wolffia {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<std::vector<std::string>> JsonStrings(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  auto json = ParseJson(text);
  if (!json || !json->is_array()) return std::nullopt;
  std::vector<std::string> strings;
  for (const Json& item : *json) {
    if (!item.is_string()) return std::nullopt;
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

// Words as a Containerfile has them: spaces separate, unless quoted or escaped. Quotes stay.
std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quote == 0 && kSpace.contains(c)) {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
      continue;
    }
    word += c;
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<std::string> EnvOf(const ImageConfig& config, std::string_view name) {
  for (const std::string& entry : config.env)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return std::nullopt;
}

struct Pair {
  std::string key, value;
};

// "a=b c='d e'", or "a b c" for the value "b c".
Result<std::vector<Pair>> ParsePairs(std::string_view text, const ImageConfig& config) {
  auto expand = [&](std::string_view word) {
    return ExpandWord(word, [&](std::string_view name) { return EnvOf(config, name); });
  };
  std::vector<Pair> pairs;
  std::vector<std::string> words = SplitWords(text);
  if (words[0].find('=') == std::string::npos) {
    std::string_view value = Trim(text.substr(text.find(words[0]) + words[0].size()));
    if (value.empty()) return Fail(Code::kInvalid, "it must have a name and a value");
    std::string expanded = TRY(expand(value));
    pairs.push_back({words[0], std::move(expanded)});
    return pairs;
  }
  for (const std::string& word : words) {
    size_t equals = word.find('=');
    if (equals == std::string::npos) return Fail(Code::kInvalid, "\"" + word + "\" is not KEY=VALUE");
    Pair pair;
    pair.key = TRY(expand(std::string_view(word).substr(0, equals)));
    pair.value = TRY(expand(std::string_view(word).substr(equals + 1)));
    if (pair.key.empty()) return Fail(Code::kInvalid, "a name is empty");
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

Result<std::vector<std::string>> CommandOf(std::string_view text) {
  if (auto strings = JsonStrings(text)) return *strings;
  return std::vector<std::string>{"/bin/sh", "-c", std::string(text)};
}

Result<int> ParsePort(std::string_view text) {
  int port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535)
    return Fail(Code::kInvalid,
                "EXPOSE port must be a number from 1 to 65535, not \"" + std::string(text) + "\"");
  return port;
}

Result<> Expose(std::string_view text, ImageConfig& config) {
  for (const std::string& word : SplitWords(text)) {
    size_t slash = word.find('/');
    std::string protocol = slash == std::string::npos ? "tcp" : word.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp" && protocol != "sctp")
      return Fail(Code::kInvalid, "EXPOSE protocol must be tcp, udp or sctp, not \"" + protocol + "\"");
    std::string_view range = std::string_view(word).substr(0, slash);
    size_t dash = range.find('-');
    int first = TRY(ParsePort(range.substr(0, dash)));
    int last = dash == range.npos ? first : TRY(ParsePort(range.substr(dash + 1)));
    if (last < first) return Fail(Code::kInvalid, "EXPOSE range " + std::string(range) + " goes down");
    for (int port = first; port <= last; ++port)
      config.exposed_ports.insert(std::to_string(port) + "/" + protocol);
  }
  return {};
}

Result<> SetEnv(std::string_view text, ImageConfig& config) {
  for (const Pair& pair : TRY(ParsePairs(text, config))) {
    std::erase_if(config.env, [&](const std::string& entry) { return entry.starts_with(pair.key + "="); });
    config.env.push_back(pair.key + "=" + pair.value);
  }
  return {};
}

Result<> SetLabels(std::string_view text, ImageConfig& config) {
  for (Pair& pair : TRY(ParsePairs(text, config))) config.labels[std::move(pair.key)] = std::move(pair.value);
  return {};
}

Result<> AddVolumes(std::string_view text, ImageConfig& config) {
  auto paths = JsonStrings(text);
  for (const std::string& path : paths ? *paths : SplitWords(text)) {
    if (path.empty()) return Fail(Code::kInvalid, "VOLUME path must not be empty");
    config.volumes.insert(path);
  }
  return {};
}

Result<> ApplyInstruction(std::string_view name, std::string_view value, ImageConfig& config) {
  if (value.empty()) return Fail(Code::kInvalid, std::string(name) + " requires an argument");
  if (name == "CMD") {
    config.cmd = TRY(CommandOf(value));
  } else if (name == "ENTRYPOINT") {
    config.entrypoint = TRY(CommandOf(value));
  } else if (name == "ENV") {
    return SetEnv(value, config);
  } else if (name == "EXPOSE") {
    return Expose(value, config);
  } else if (name == "LABEL") {
    return SetLabels(value, config);
  } else if (name == "VOLUME") {
    return AddVolumes(value, config);
  } else if (name == "USER") {
    config.user = value;
  } else if (name == "WORKDIR") {
    const std::string base = config.working_dir.empty() ? "/" : config.working_dir;
    config.working_dir = value.starts_with('/') ? "" : base + (base.ends_with('/') ? "" : "/");
    config.working_dir += value;
  } else if (name == "STOPSIGNAL") {
    TRY(ParseSignal(value));
    config.stop_signal = value;
  } else if (name == "ONBUILD") {
    config.on_build.emplace_back(value);
  } else {
    return Fail(Code::kInvalid, "invalid instruction " + std::string(name));
  }
  return {};
}

}  // namespace

Result<> ApplyChange(const std::string& change, ImageConfig& config) {
  std::string_view text = Trim(change);
  size_t end = std::min(text.find_first_of(" \t="), text.size());
  std::string name(text.substr(0, end));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(toupper(c)); });
  std::string_view value = end < text.size() ? Trim(text.substr(end + 1)) : "";
  auto applied = ApplyInstruction(name, value, config);
  if (applied) return {};
  return Fail(Code::kInvalid, "invalid change \"" + change + "\" - " + applied.error().what);
}

}  // namespace wolffia
