// Local images: oci:, oci-archive:, docker-archive:, load, and the built-in image.
#include "engine/registry/local_pull.h"

#include <fcntl.h>

#include <map>

#include "engine/base/process.h"
#include "engine/registry/docker_archive_source.h"
#include "engine/registry/image_import.h"
#include "engine/registry/layout_source.h"
#include "engine/registry/local_image.h"
#include "engine/registry/name_resolution.h"

namespace wolffia {
namespace {

// What people wrote into an archive as a name, in full; nothing if it is no name.
std::vector<std::string> FullName(const std::string& written, const std::string& default_domain) {
  auto parsed = Reference::Parse(written);
  if (!parsed || parsed->digest) return {};
  return {Normalize(parsed->IsShort() ? parsed->WithDomain(default_domain) : *parsed).str()};
}

// docker writes "debian:12" and means docker.io; in OCI layouts a name is whatever somebody gave it here.
std::vector<std::string> NamesOf(const DockerArchiveImage& image) {
  std::vector<std::string> names;
  for (const std::string& tag : image.tags)
    for (std::string& name : FullName(tag, "docker.io")) names.push_back(std::move(name));
  return names;
}

std::vector<std::string> NamesOf(const LayoutEntry& entry) {
  return FullName(entry.full_name.empty() ? entry.ref_name : entry.full_name, "localhost");
}

Result<DockerArchiveImage> SelectDockerImage(std::vector<DockerArchiveImage> images, const std::string& ref) {
  std::vector<std::string> wanted = FullName(ref, "docker.io");
  std::string known;
  for (DockerArchiveImage& image : images) {
    if (ref.empty() && images.size() == 1) return std::move(image);
    for (const std::string& name : NamesOf(image)) {
      known += (known.empty() ? "" : ", ") + name;
      if (!wanted.empty() && name == wanted[0]) {
        image.tags = {name};
        return std::move(image);
      }
    }
  }
  if (images.empty()) return Fail(Code::kNotFound, "the archive holds no image");
  if (ref.empty())
    return Fail(Code::kInvalid, "the archive holds several images (" + known + "): name one after the file");
  return Fail(Code::kNotFound, "the archive holds no image \"" + ref + "\"; there is: " + known);
}

// One entry for each name: those of the platform, where a name has several.
Result<std::vector<LayoutEntry>> EntriesToLoad(const std::vector<LayoutEntry>& all,
                                               const Platform& platform) {
  std::map<std::string, std::vector<LayoutEntry>> by_name;
  for (const LayoutEntry& entry : all)
    by_name[entry.full_name.empty() ? entry.ref_name : entry.full_name].push_back(entry);
  std::vector<LayoutEntry> chosen;
  for (auto& [name, entries] : by_name) {
    bool platforms = true;
    for (const LayoutEntry& entry : entries) platforms = platforms && entry.descriptor.platform.has_value();
    if (entries.size() > 1 && platforms)
      chosen.push_back(TRY(SelectLayoutEntry(entries, "", platform)));
    else
      chosen.insert(chosen.end(), entries.begin(), entries.end());
  }
  return chosen;
}

Result<Admission> AdmissionOf(const ImageImport& import, const std::string& transport,
                              const std::string& path) {
  return Admission::Of(import.context, import.policies, ImageOrigin::OfFile(transport, path));
}

Result<std::vector<ImageRecord>> LoadAll(const ImageImport& import, const std::string& path,
                                         const FileTree& files) {
  std::vector<ImageRecord> loaded;
  auto add = [&](ImageSource& source, const Admission& admission,
                 const std::vector<std::string>& names) -> Result<> {
    for (ImageRecord& record : TRY(ImportImage(import, source, admission, names)))
      loaded.push_back(std::move(record));
    return {};
  };
  // Archives of current docker are both; its names are in manifest.json.
  if (files.Has("manifest.json")) {
    const Admission admission = TRY(AdmissionOf(import, "docker-archive", path));
    for (DockerArchiveImage& image : TRY(ListDockerArchive(files))) {
      std::vector<std::string> names = NamesOf(image);
      DockerArchiveSource source(files, std::move(image));
      TRY(add(source, admission, names));
    }
  } else if (files.Has("oci-layout")) {
    const bool is_directory = files.IsDirectory();
    const Admission admission = TRY(AdmissionOf(import, is_directory ? "oci" : "oci-archive", path));
    for (const LayoutEntry& entry : TRY(EntriesToLoad(TRY(ListLayout(files)), import.platform))) {
      LayoutSource source(files, entry.descriptor);
      TRY(add(source, admission, NamesOf(entry)));
    }
  } else {
    return Fail(Code::kInvalid,
                "this is no image archive: neither manifest.json (docker) nor oci-layout (OCI) is in it");
  }
  if (loaded.empty()) return Fail(Code::kNotFound, "the archive holds no image");
  return loaded;
}

}  // namespace

Result<ImageRecord> PullLocal(const ImageImport& import, LocalTransport transport, const std::string& origin,
                              const std::string& path, const std::string& ref) {
  const Admission admission = TRY_WITH(AdmissionOf(import, origin, path), path);
  LocalImage local = TRY(OpenLocalImage(import.store, path, import.settings.max_layer_size, import.cancel));
  if (transport == LocalTransport::kDockerArchive) {
    DockerArchiveImage image = TRY_WITH(SelectDockerImage(TRY(ListDockerArchive(*local.files)), ref), path);
    std::vector<std::string> names = NamesOf(image);
    DockerArchiveSource source(*local.files, std::move(image));
    return TRY_WITH(ImportImage(import, source, admission, names), path).front();
  }
  LayoutEntry entry = TRY_WITH(SelectLayoutEntry(TRY(ListLayout(*local.files)), ref, import.platform), path);
  LayoutSource source(*local.files, entry.descriptor);
  return TRY_WITH(ImportImage(import, source, admission, NamesOf(entry)), path).front();
}

Result<std::vector<ImageRecord>> LoadArchive(const Context& context, const Settings& settings,
                                             const Store& store, const std::string& path,
                                             const PullOptions& options) {
  TRY(Staging::Sweep(store));
  ProgressGate progress(options.progress);
  Cancel cancel;
  ImageImport import{context, settings, store, progress, cancel, options.policies, options.platform, false};
  LocalImage local = TRY_WITH(OpenLocalImage(store, path, settings.max_layer_size, cancel), "load");
  return LoadAll(import, path, *local.files).With("load " + (path == "-" ? "stdin" : path));
}

Result<std::string> BuiltInImageFile(std::string_view short_name) {
  auto name = Reference::Parse(short_name);
  bool bare = name && name->IsShort() && !name->digest && name->path.find('/') == std::string::npos &&
              (name->tag.empty() || name->tag == "latest");
  if (bare) {
    std::string own = TRY(OwnDirectory());
    // Beside bin/ (build tree), or beside libexec/wolffia/ (installed).
    for (const char* place : {"/../share/wolffia/", "/../../share/wolffia/"})
      if (std::string file = own + place + name->path + ".tar"; ExistsAt(AT_FDCWD, file)) return file;
  }
  return Fail(Code::kNotFound, "no image \"" + std::string(short_name) + "\" is built in");
}

Result<ImageRecord> LoadBuiltIn(const Context& context, const Settings& settings, const Store& store,
                                std::string_view short_name, const PullOptions& options) {
  std::string file = TRY(BuiltInImageFile(short_name));
  Reference name = TRY(Reference::Parse(short_name));
  ProgressGate progress(nullptr);
  Cancel cancel;
  ImageImport import{context, settings, store, progress, cancel, options.policies, Platform::Host()};
  const Admission admission = TRY_WITH(AdmissionOf(import, "built-in", file), "built-in image");
  LocalImage local = TRY_WITH(OpenLocalImage(store, file, settings.max_layer_size, cancel), "built-in image");
  LayoutEntry entry = TRY_WITH(SelectLayoutEntry(TRY(ListLayout(*local.files)), "", import.platform), file);
  LayoutSource source(*local.files, entry.descriptor);
  return TRY_WITH(ImportImage(import, source, admission, {"localhost/" + name.path + ":latest"}),
                  "built-in image")
      .front();
}

}  // namespace wolffia
