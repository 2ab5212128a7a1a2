#include "storage/random_name.h"

#include <array>
#include <cstdlib>
#include <string_view>

#include "engine/base/random.h"

namespace wolffia {
namespace {

constexpr std::array<std::string_view, 64> kAdjectives = {
    "agile",    "amber",    "ample",  "balmy",  "bold",    "breezy", "bright", "brisk",  "calm",  "candid",
    "clear",    "clever",   "cosy",   "crisp",  "curious", "deft",   "dewy",   "eager",  "early", "fair",
    "fleet",    "floating", "fresh",  "gentle", "glad",    "golden", "grand",  "green",  "happy", "hardy",
    "humble",   "jolly",    "keen",   "kind",   "lively",  "lucid",  "lucky",  "mellow", "merry", "mild",
    "modest",   "neat",     "nimble", "noble",  "patient", "placid", "plucky", "polite", "proud", "quick",
    "quiet",    "rapid",    "ready",  "serene", "silent",  "sleek",  "steady", "sunny",  "swift", "tidy",
    "tranquil", "vivid",    "warm",   "witty"};

// Plants that live in or by the water.
constexpr std::array<std::string_view, 64> kNouns = {
    "alder",     "arrowhead", "azolla",      "bladderwort", "bogbean",     "brooklime", "bulrush",
    "burreed",   "buttercup", "calamus",     "cattail",     "charophyte",  "chara",     "cress",
    "crowfoot",  "cypress",   "dropwort",    "duckweed",    "eelgrass",    "elodea",    "fern",
    "flag",      "frogbit",   "galingale",   "hornwort",    "horsetail",   "hyacinth",  "iris",
    "kelp",      "landoltia", "lemna",       "lobelia",     "loosestrife", "lotus",     "mangrove",
    "mare",      "marigold",  "meadowrue",   "milfoil",     "mint",        "moss",      "naiad",
    "nymphaea",  "osier",     "papyrus",     "pickerel",    "pondweed",    "quillwort", "reed",
    "rice",      "rush",      "salvinia",    "sedge",       "spirodela",   "starwort",  "sundew",
    "sweetflag", "trapa",     "utricularia", "valerian",    "wapato",      "willow",    "willowherb",
    "wolffiella"};

}  // namespace

std::string RandomName(int attempt) {
  const unsigned long random = std::strtoul(RandomHex(4).c_str(), nullptr, 16);
  std::string name(kAdjectives[random % kAdjectives.size()]);
  name += '_';
  name += kNouns[random / kAdjectives.size() % kNouns.size()];
  if (attempt >= 10) name += std::to_string(random >> 12);
  return name;
}

}  // namespace wolffia
