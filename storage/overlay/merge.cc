// The merge of layers into a chain: one walk over the merged tree, directory by directory. A merged directory
// is the stack of the layers' directories that show through each other, highest first; their sorted runs of
// names are merged with a heap, so the work is that of reading every entry once.
//
//  - Of the entries of one name the highest counts. A whiteout hides it and all below.
//  - Directories stack up as long as the one below is a directory too and none above is opaque.
//  - A directory's attributes are those of the highest layer that has an entry for it (kNodeImplicit has
//    none); an opaque directory without an entry still shows the attributes of the directory that it hides.
//  - A hard link into the layers below means what they, merged, have at that path; directories on the way are
//    not looked for through symlinks. It shares the node, so that nlink counts it.
// Nothing is recursive: depth is bounded by memory only.
#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <span>

#include "storage/overlay/index_builder.h"
#include "storage/overlay/index_writer.h"
#include "storage/overlay/layer_path.h"

namespace wolffia {
namespace {

constexpr uint64_t kMaxLinkLookups = 100'000'000;  // seconds; an image that needs more is made to hurt

struct Source {
  uint16_t layer;
  uint32_t node;
};
using Stack = std::vector<Source>;  // one directory, highest layer first

class Merger {
 public:
  explicit Merger(const std::vector<const LowerIndex*>& layers) : layers_(layers) {
    for (const LowerIndex* layer : layers) written_.emplace_back(layer->node_count(), kNoNode);
  }
  Result<std::string> Run();

 private:
  struct Cursor {
    uint16_t layer;
    std::span<const IndexDirent> rest;
  };
  // What all entries of one name, highest first, come to.
  struct Folded {
    bool present = false;
    Source shown{};        // the node, or the directory whose attributes count
    bool implied = false;  // a directory that no layer has an entry for
    Stack directory;       // not empty: it is one
  };

  const IndexNode& NodeOf(Source s) const { return layers_[s.layer]->node(s.node); }
  std::string_view NameAt(const Cursor& c) const { return layers_[c.layer]->Name(c.rest.front()); }
  Folded Fold(std::span<const Source> entries) const;
  Result<> MergeDirectory(const Stack& directory, uint32_t out);
  Result<> AddName(std::string_view name, std::span<const Source> entries);
  Result<Source> ResolveLink(Source link);
  Result<Source> LookUpBelow(uint16_t layer, std::string_view path);
  uint32_t WriteNode(Source source);
  uint32_t WriteDirectory(const Folded& folded);

  const std::vector<const LowerIndex*>& layers_;
  std::vector<std::vector<uint32_t>> written_;  // [layer][node]: its node in the chain
  IndexWriter writer_;
  struct Pending {
    Stack directory;
    uint32_t out;
  };
  std::vector<Pending> pending_;
  std::vector<Cursor> heap_;
  std::vector<Source> same_name_;
  uint64_t link_lookups_ = 0;
};

Merger::Folded Merger::Fold(std::span<const Source> entries) const {
  Folded folded;
  bool hidden = false;
  for (Source s : entries) {
    const IndexNode& node = NodeOf(s);
    if (!S_ISDIR(node.mode)) {
      if (folded.present || (node.flags & kNodeWhiteout) != 0) break;
      folded.present = true;
      folded.shown = s;
      break;
    }
    if (!folded.present || folded.implied) {
      folded.shown = s;
      folded.implied = (node.flags & kNodeImplicit) != 0;
      folded.present = true;
    }
    if (!hidden) folded.directory.push_back(s);
    hidden = hidden || (node.flags & kNodeOpaque) != 0;
    if (hidden && !folded.implied) break;
  }
  return folded;
}

uint32_t Merger::WriteNode(Source source) {
  const LowerIndex& layer = *layers_[source.layer];
  IndexNode node = NodeOf(source);
  auto target = S_ISLNK(node.mode) ? layer.Target(node) : std::string_view();
  auto extents = layer.Extents(node);
  auto xattrs = layer.Xattrs(node);
  node.layer = source.layer;
  node.flags &= kNodeSparse;
  if (S_ISREG(node.mode)) node.count = static_cast<uint32_t>(writer_.AddDigests(layer.Digests(node)));
  uint32_t out = writer_.AddNode(node);
  if (S_ISLNK(node.mode)) writer_.SetTarget(out, target);
  if ((node.flags & kNodeSparse) != 0) {
    std::vector<IndexExtent> placed(extents.begin(), extents.end());
    for (IndexExtent& e : placed) e.first_digest = writer_.AddDigests(layer.Digests(e));
    writer_.SetExtents(out, placed);
  }
  for (const IndexXattr& x : xattrs) writer_.AddXattr(out, layer.XattrName(x), layer.XattrValue(x));
  return out;
}

uint32_t Merger::WriteDirectory(const Folded& folded) {
  uint32_t out = WriteNode(folded.shown);
  pending_.push_back({folded.directory, out});
  return out;
}

Result<> Merger::AddName(std::string_view name, std::span<const Source> entries) {
  Folded folded = Fold(entries);
  if (!folded.present) return {};
  if (!folded.directory.empty()) {
    writer_.AddDirent(name, WriteDirectory(folded));
    return {};
  }
  uint32_t& known = written_[folded.shown.layer][folded.shown.node];
  if (known == kNoNode) {
    Source target = TRY_WITH(ResolveLink(folded.shown), "\"" + Printable(name) + "\"");
    uint32_t& of_target = written_[target.layer][target.node];
    if (of_target == kNoNode) of_target = WriteNode(target);
    known = of_target;
  }
  writer_.AddDirent(name, known);
  return {};
}

// The node that stands for a hard link into lower layers; others stand for themselves.
Result<Source> Merger::ResolveLink(Source link) {
  while ((NodeOf(link).flags & kNodeLowerLink) != 0)  // each step goes to a lower layer
    link = TRY(LookUpBelow(link.layer, layers_[link.layer]->Target(NodeOf(link))));
  return link;
}

Result<Source> Merger::LookUpBelow(uint16_t layer, std::string_view path) {
  auto nothing = [&] {
    return Fail(Code::kInvalid, "is a hard link to \"" + Printable(path) + "\", which no layer below has");
  };
  std::vector<Source> entries;
  for (uint16_t l = layer; l-- > 0;) entries.push_back({l, 0});
  Folded at = Fold(entries);
  std::vector<std::string_view> components;
  TRY(SplitLayerPath(path, components));
  for (std::string_view name : components) {
    entries.clear();
    link_lookups_ += at.directory.size();
    if (link_lookups_ > kMaxLinkLookups)
      return Fail(Code::kInvalid, "is one hard link too many into lower layers");
    for (Source s : at.directory) {
      uint32_t n = layers_[s.layer]->Lookup(s.node, name);
      if (n != kNoNode) entries.push_back({s.layer, n});
    }
    at = Fold(entries);
    if (!at.present) return nothing();
  }
  if (!at.present) return nothing();
  if (!at.directory.empty())
    return Fail(Code::kInvalid, "is a hard link to the directory \"" + Printable(path) + "\"");
  return at.shown;
}

Result<> Merger::MergeDirectory(const Stack& directory, uint32_t out) {
  writer_.BeginDirectory(out);
  // A heap's front is its greatest: the least name, of equal ones that of the highest layer.
  auto after = [this](const Cursor& a, const Cursor& b) {
    int order = NameAt(a).compare(NameAt(b));
    return order != 0 ? order > 0 : a.layer < b.layer;
  };
  heap_.clear();
  for (Source s : directory) {
    auto names = layers_[s.layer]->Dirents(NodeOf(s));
    if (!names.empty()) heap_.push_back({s.layer, names});
  }
  std::make_heap(heap_.begin(), heap_.end(), after);
  while (!heap_.empty()) {
    std::string_view name = NameAt(heap_.front());
    same_name_.clear();
    while (!heap_.empty() && NameAt(heap_.front()) == name) {
      std::pop_heap(heap_.begin(), heap_.end(), after);
      Cursor& cursor = heap_.back();
      same_name_.push_back({cursor.layer, cursor.rest.front().node});
      cursor.rest = cursor.rest.subspan(1);
      if (cursor.rest.empty()) {
        heap_.pop_back();
      } else {
        std::push_heap(heap_.begin(), heap_.end(), after);
      }
    }
    TRY(AddName(name, same_name_));
  }
  return {};
}

Result<std::string> Merger::Run() {
  std::vector<Source> roots;
  for (size_t l = layers_.size(); l-- > 0;) roots.push_back({static_cast<uint16_t>(l), 0});
  WriteDirectory(Fold(roots));
  for (size_t at = 0; at < pending_.size(); ++at) {
    Pending next = std::move(pending_[at]);
    TRY(MergeDirectory(next.directory, next.out));
  }
  const bool digests =
      std::ranges::all_of(layers_, [](const LowerIndex* layer) { return layer->has_digests(); });
  return writer_.Finish(static_cast<uint32_t>(layers_.size()),
                        kIndexIsChain | (digests ? kIndexHasDigests : 0));
}

}  // namespace

Result<std::string> MergeLayers(const std::vector<const LowerIndex*>& layers) {
  if (layers.empty()) return Fail(Code::kInvalid, "the image has no layers, and so no root file system");
  if (layers.size() > std::numeric_limits<uint16_t>::max())
    return Fail(Code::kInvalid, "the image has more than 65535 layers");
  for (const LowerIndex* layer : layers)
    if (layer->is_chain()) return Fail(Code::kInvalid, "a merged index was given where a layer's is needed");
  return Merger(layers).Run();
}

}  // namespace wolffia
