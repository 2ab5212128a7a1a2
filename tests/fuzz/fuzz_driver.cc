// Replays a corpus through a fuzz target, then mutations of it for two seconds: what an ordinary build (GCC,
// no libFuzzer) runs under ctest. The seed is fixed, so a failure repeats; the input that is running is in
// memory as `current` when a sanitizer stops the program.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::string current;

void RunOne(std::string input) {
  current = std::move(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
}

std::string Mutate(std::string input, const std::vector<std::string>& corpus, std::mt19937_64& random) {
  for (uint64_t n = 1 + random() % 4; n > 0; n--) {
    size_t at = input.empty() ? 0 : random() % input.size();
    switch (random() % 5) {
      case 0:
        if (!input.empty()) input[at] = static_cast<char>(random());
        break;
      case 1:
        input.insert(at, 1 + random() % 8, static_cast<char>(random()));
        break;
      case 2:
        input.erase(at, 1 + random() % 16);
        break;
      case 3:
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << (random() % 8)));
        break;
      default: {
        const std::string& other = corpus[random() % corpus.size()];
        if (!other.empty()) input.insert(at, other, random() % other.size(), 1 + random() % 64);
      }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> corpus;
  for (int i = 1; i < argc; i++)
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus\n");
    return 1;
  }
  for (const std::string& input : corpus) RunOne(input);
  std::mt19937_64 random(20260101);
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  uint64_t runs = 0;
  for (; std::chrono::steady_clock::now() < end; runs++)
    RunOne(Mutate(corpus[random() % corpus.size()], corpus, random));
  std::printf("%zu corpus files, %lu mutations\n", corpus.size(), static_cast<unsigned long>(runs));
}
