// readdir. Nothing is kept for an open directory, so an offset must mean the same however names come and go:
//
//   0, 1         before ".", before ".."
//   2 + p        before the lower's entry at position p: the lower's names, in its own order (that of the
//   bytes on the disk), hidden ones left out 2^62 + h     before the names of the upper alone whose hash is h
//   or more
//
// A directory that nothing of the upper takes part in needs no more than that. For another one the upper's
// names are read once when a reader starts, and kept for the readers that go on (a few directories at a
// time). Names that went meanwhile are looked up and not found; those that came may be missing, as POSIX
// allows.
#include <algorithm>
#include <cstring>

#include "storage/overlay/overlay_node.h"

namespace wolffia {

struct Listing {
  uint64_t nodeid = 0;
  uint64_t changes = 0;
  std::unordered_set<std::string> upper;  // that hide or replace a name of the lower
  struct Own {
    uint64_t hash;
    std::string name;
  };
  std::vector<Own> own;  // names of the upper alone, by hash
};

namespace {

constexpr uint64_t kOwnNames = uint64_t{1} << 62;
constexpr size_t kKeptListings = 8;

uint64_t Mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93;
  return x ^ (x >> 32);
}

// Of a name, with a key of this mount's, so that nobody can make names that collide.
uint64_t HashOf(const uint64_t key[2], std::string_view name) {
  uint64_t hash = key[0] ^ name.size();
  for (size_t at = 0; at < name.size(); at += 8) {
    uint64_t word = 0;
    memcpy(&word, name.data() + at, std::min<size_t>(8, name.size() - at));
    hash = Mix(hash ^ word) + key[1];
  }
  return Mix(hash) >> 2;
}

Sys<std::shared_ptr<const Listing>> ReadNames(OverlayState& state, Node& node) {
  auto listing = std::make_shared<Listing>();
  listing->nodeid = node.nodeid;
  listing->changes = node.directory->changes;
  SharedFd fd = TRY(state.DirectoryFd(node));
  for (UpperStore::Name& entry : TRY(state.upper->List(fd->get()))) {
    if (node.lower != kNoLower && state.lower->Lookup(node.lower, entry.name) != kNoLower)
      listing->upper.insert(std::move(entry.name));
    else
      listing->own.push_back({HashOf(state.hash_key, entry.name), std::move(entry.name)});
  }
  std::sort(listing->own.begin(), listing->own.end(), [](const Listing::Own& a, const Listing::Own& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.name < b.name;
  });
  for (size_t i = 1; i < listing->own.size(); ++i)  // two of one hash: the second one gets a place of its own
    if (listing->own[i].hash <= listing->own[i - 1].hash) listing->own[i].hash = listing->own[i - 1].hash + 1;
  return std::shared_ptr<const Listing>(std::move(listing));
}

// The names for a reader at `offset`: fresh for one who starts, as they were for one who goes on.
Sys<std::shared_ptr<const Listing>> ListingOf(OverlayState& state, Node& node, uint64_t offset) {
  {
    std::lock_guard lock(state.listings_lock);
    for (auto at = state.listings.begin(); at != state.listings.end(); ++at) {
      if ((*at)->nodeid != node.nodeid) continue;
      if (offset == 0 && (*at)->changes != node.directory->changes) break;
      state.listings.splice(state.listings.begin(), state.listings, at);
      return state.listings.front();
    }
  }
  std::shared_ptr<const Listing> listing = TRY(ReadNames(state, node));
  std::lock_guard lock(state.listings_lock);
  std::erase_if(state.listings, [&](const auto& other) { return other->nodeid == node.nodeid; });
  state.listings.push_front(listing);
  if (state.listings.size() > kKeptListings) state.listings.pop_back();
  return listing;
}

class Reader {
 public:
  Reader(OverlayState& state, DirectoryRef directory, bool attributes, const OverlayTree::TakeEntry& take)
      : state_(state), directory_(std::move(directory)), attributes_(attributes), take_(take) {}

  Sys<> Read(uint64_t nodeid, uint64_t offset) {
    if (directory_.node != nullptr && directory_.node->in_upper) {
      listing_ = TRY(ListingOf(state_, *directory_.node, offset));
      outdated_ = listing_->changes != directory_.node->directory->changes;
    }
    if (offset == 0 && !TakeSelf(".", nodeid, 1)) return {};
    if (offset <= 1 && !TakeSelf("..", ParentOf(nodeid), 2)) return {};
    if (offset < kOwnNames && directory_.lower != kNoLower && !TRY(TakeLower(offset < 2 ? 0 : offset - 2)))
      return {};
    return listing_ != nullptr ? TakeOwn(offset < kOwnNames ? 0 : offset - kOwnNames) : Sys<>();
  }

  // The Node of an entry that was looked up and not taken.
  NodePtr TakeUnused() { return std::move(unused_); }

 private:
  uint64_t ParentOf(uint64_t nodeid) {
    if (directory_.node != nullptr)
      return directory_.node->parent != nullptr ? directory_.node->parent->nodeid : nodeid;
    return uint64_t{state_.lower->Parent(directory_.lower)} + 1;
  }

  bool TakeSelf(const char* name, uint64_t nodeid, uint64_t next) {
    Entry entry;
    if (auto st = state_.StatOf(nodeid)) entry.st = *st;
    entry.st.st_mode = S_IFDIR | (entry.st.st_mode & 07777);
    return take_(name, entry, next);
  }

  // False: the taker has enough.
  Sys<bool> Take(const std::string& name, const Found& found, uint64_t next) {
    Entry entry{attributes_ ? found.nodeid() : 0, {}};
    auto st = state_.StatFound(found);
    if (!st) return true;  // it has gone
    entry.st = *st;
    bool taken = take_(name.c_str(), entry, next);
    if (taken && attributes_)
      state_.CountLookup(found);
    else
      unused_ = found.node;
    return taken;
  }

  Sys<bool> TakeLower(uint64_t position) {
    LowerEntry entry;
    for (; state_.lower->EntryAt(directory_.lower, position, &entry); position = entry.position + 1) {
      std::string name(entry.name);
      Found found{nullptr, entry.id};
      bool mixed = outdated_ || (listing_ != nullptr && listing_->upper.contains(name));
      // What is not the lower's alone: whited out, copied up, one of several names, or moved.
      if (mixed || !state_.linked.empty() || state_.nodes.Find(uint64_t{entry.id} + 1) != nullptr) {
        auto looked_up = state_.FindName(directory_, name);
        if (!looked_up || !looked_up->exists()) continue;
        found = *std::move(looked_up);
      }
      if (!TRY(Take(name, found, entry.position + 3))) return false;
    }
    return true;
  }

  Sys<> TakeOwn(uint64_t hash) {
    auto at = std::partition_point(listing_->own.begin(), listing_->own.end(),
                                   [&](const Listing::Own& own) { return own.hash < hash; });
    for (; at != listing_->own.end(); ++at) {
      auto found = state_.FindName(directory_, at->name);
      if (!found || !found->exists()) continue;
      if (!TRY(Take(at->name, *found, kOwnNames + at->hash + 1))) return {};
    }
    return {};
  }

  OverlayState& state_;
  DirectoryRef directory_;
  bool attributes_;
  const OverlayTree::TakeEntry& take_;
  std::shared_ptr<const Listing> listing_;
  bool outdated_ = false;  // names came or went since it was read
  NodePtr unused_;
};

}  // namespace

Sys<> OverlayTree::ReadDirectory(uint64_t nodeid, uint64_t offset, bool attributes, const TakeEntry& take) {
  OverlayState& s = *state_;
  NodePtr unused;
  {
    std::shared_lock lock(s.tree_lock);
    auto directory = s.DirectoryOf(nodeid);
    if (!directory)
      return directory.error() == ENOENT ? Sys<>() : SysFail(directory.error());  // a removed one is empty
    Reader reader(s, *std::move(directory), attributes, take);
    TRY(reader.Read(nodeid, offset));
    unused = reader.TakeUnused();
  }
  if (unused != nullptr) {
    std::unique_lock lock(s.tree_lock);
    s.DropUnused(std::move(unused));
  }
  return {};
}

}  // namespace wolffia
