#include "engine/registry/content_refetch.h"

#include <algorithm>

#include "engine/registry/image_import.h"
#include "engine/registry/layout_source.h"
#include "engine/registry/local_image.h"
#include "engine/registry/name_resolution.h"
#include "engine/registry/pull_endpoint.h"
#include "engine/registry/registry_source.h"

namespace wolffia {
namespace {

std::vector<Digest> NeedsOf(const ImageRecord& record) {
  std::vector<Digest> needs = record.diff_ids;
  for (const Digest& digest : {record.config, record.manifest, record.index})
    if (!digest.empty()) needs.push_back(digest);
  return needs;
}

// One image, from one place after another.
class Refetch {
 public:
  Refetch(const Context& context, const Settings& settings, const Store& store, const ImageRecord& record,
          const std::set<Digest>& broken, const PullOptions& options, ProgressGate& progress)
      : context_(context),
        settings_(settings),
        store_(store),
        record_(record),
        broken_(broken),
        options_(options),
        progress_(progress) {}

  Result<> Run() {
    Reference name = TRY(Reference::Parse(record_.name));
    if (name.domain == "localhost") return FromBuiltIn(name);
    name.tag.clear();
    name.digest = record_.manifest;
    std::vector<PullCandidate> candidates = TRY(ResolveName(settings_.registries, name.str()));
    Error failed{Code::kNotFound, 0, "no registry has it"};
    for (const PullCandidate& candidate : candidates)
      for (const Endpoint& endpoint : candidate.endpoints) {
        auto fetched = FromRegistry(endpoint);
        if (fetched) return {};
        failed = std::move(fetched.error());
        if (failed.code == Code::kNoSpace) return std::unexpected(std::move(failed));
      }
    return std::unexpected(std::move(failed));
  }

 private:
  ImageImport Import(Cancel& cancel) const {
    return {context_,          settings_,        store_, progress_, cancel,
            options_.policies, record_.platform, false,  &broken_};
  }

  Result<> FromRegistry(const Endpoint& endpoint) {
    Cancel cancel;
    const ImageImport import = Import(cancel);
    RegistryClient client(context_, TRY(RegistryOptionsFor(import, endpoint, options_)), cancel);
    TRY(client.Connect());
    RegistrySource source(client, record_.manifest.str());
    TRY(RestoreContent(import, source, record_));
    if (record_.index.empty() || !broken_.contains(record_.index)) return {};
    const auto index = TRY(client.GetManifest(record_.index.str()));
    Staging staging = TRY(Staging::Begin(store_));
    return BlobStore(store_).Put(staging, index.bytes, record_.index);
  }

  Result<> FromBuiltIn(const Reference& name) {
    Reference bare = name;
    bare.domain.clear();
    auto file = BuiltInImageFile(bare.str());
    if (!file)
      return Fail(Code::kNotFound,
                  "it was made or loaded here and is in no registry; with the archive that it came from: "
                  "wolffia system check --repair --force, then wolffia load");
    Cancel cancel;
    const ImageImport import = Import(cancel);
    LocalImage local = TRY(OpenLocalImage(store_, *file, settings_.max_layer_size, cancel));
    LayoutSource source(
        *local.files, TRY(SelectLayoutEntry(TRY(ListLayout(*local.files)), "", record_.platform)).descriptor);
    return RestoreContent(import, source, record_);
  }

  const Context& context_;
  const Settings& settings_;
  const Store& store_;
  const ImageRecord& record_;
  const std::set<Digest>& broken_;
  const PullOptions& options_;
  ProgressGate& progress_;
};

}  // namespace

Result<std::vector<std::string>> RefetchContent(const Context& context, const Settings& settings,
                                                const Store& store, std::set<Digest> broken,
                                                const PullOptions& options) {
  std::vector<std::string> failures;
  ProgressGate progress(options.progress);
  for (const ImageRecord& record : TRY(ImageStore(store).List())) {
    const std::vector<Digest> needs = NeedsOf(record);
    if (std::ranges::none_of(needs, [&](const Digest& d) { return broken.contains(d); })) continue;
    if (record.name.empty()) {
      failures.push_back("image " + record.config.hex().substr(0, 12) +
                         " has no name that says where it came from");
      continue;
    }
    auto fetched = Refetch(context, settings, store, record, broken, options, progress).Run();
    if (!fetched) {
      failures.push_back("image " + record.name + ": " + fetched.error().what);
      continue;
    }
    for (const Digest& digest : needs) broken.erase(digest);
  }
  return failures;
}

}  // namespace wolffia
