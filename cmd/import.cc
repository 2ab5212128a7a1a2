// wolffia import: an image of one layer out of a tar of a root file system.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/change_flag.h"
#include "cmd/copy_verbs.h"
#include "cmd/store_confinement.h"
#include "engine/oci/reference.h"
#include "engine/registry/decompressor.h"
#include "engine/registry/http_client.h"
#include "engine/registry/url.h"
#include "engine/runtime/events.h"
#include "engine/signature/policies.h"
#include "storage/image_commit.h"
#include "storage/layer_writer.h"

namespace wolffia {
namespace {

constexpr size_t kChunk = 128 << 10;
constexpr uint64_t kWindowBytes = uint64_t{128} << 20;
constexpr std::string_view kXz = "\xfd\x37\x7a\x58\x5a", kBzip2 = "BZh";

bool IsUrl(const std::string& source) {
  return source.starts_with("http://") || source.starts_with("https://");
}

Result<std::string> FullName(const std::string& typed) {
  Reference name = TRY(Reference::Parse(typed));
  if (name.digest) return Fail(Code::kInvalid, "import " + typed + ": a new name cannot have a digest");
  if (name.IsShort()) name.domain = "localhost";
  return name.WithDefaultTag().str();
}

Result<> ReadSource(const Command& command, const std::string& source, const ByteSink& sink) {
  if (IsUrl(source)) {
    const Url url = TRY(Url::Parse(source));
    if (!command.options().Bool("quiet")) PrintNotice("Downloading from \"" + url.display + "\"");
    HttpClient client(command.context, [](const std::string&) { return Result<TlsFiles>(TlsFiles{}); });
    HttpRequest request{.url = source, .insecure = source.starts_with("http://")};
    request.on_data = [&](const HttpResponse&, std::string_view bytes) { return sink(bytes); };
    HttpResponse answer = TRY_WITH(client.Send(request, Cancel()), "downloading " + url.display);
    if (answer.status == 200) return {};
    return Fail(Code::kNetwork, "downloading " + url.display + ": the server answered with status " +
                                    std::to_string(answer.status));
  }
  Fd file =
      source == "-" ? Fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) : TRY(Open(source, O_RDONLY | O_NOCTTY));
  struct stat st;
  if (!file || fstat(file.get(), &st) != 0) return FailErrno("stdin");
  if (isatty(file.get()) == 1)
    return Fail(Code::kInvalid, "the source is a terminal: name a tar archive, or redirect one");
  if (S_ISDIR(st.st_mode))
    return Fail(Code::kInvalid, source + " is a directory: import wants a tar archive of it");
  auto buffer = std::make_unique_for_overwrite<char[]>(kChunk);
  for (size_t got; (got = TRY(ReadFull(file.get(), buffer.get(), kChunk))) > 0;)
    TRY(sink({buffer.get(), got}));
  return {};
}

// The archive, decompressed, as a layer of the store, pinned.
Result<Digest> WriteLayer(const Command& command, const Session& session, const Staging& staging,
                          const std::string& source) {
  auto writer = TRY(LayerWriter::Begin(session.store, staging, {.bytes = session.settings.max_layer_size}));
  WindowBudget windows(kWindowBytes);
  Cancel cancel;
  uint64_t read = 0;
  Decompressor decoder([&](std::string_view bytes) { return writer->Write(bytes); }, windows, cancel);
  TRY(ReadSource(command, source, [&](std::string_view bytes) -> Result<> {
    if (read == 0 && (bytes.starts_with(kXz) || bytes.starts_with(kBzip2)))
      return Fail(Code::kUnsupported,
                  "the archive is compressed with xz or bzip2: decompress it first, or use gzip or zstd");
    read += bytes.size();
    return decoder.Push(bytes);
  }));
  if (read == 0) return Fail(Code::kInvalid, "the archive is empty");
  TRY(decoder.Finish());
  return writer->Commit(std::nullopt);
}

Result<ImageConfig> ConfigOf(const Command& command) {
  const OptionValues& given = command.options();
  ImageConfig config;
  config.platform = Platform::Host();
  if (given.Has("arch")) config.platform = {.architecture = given.String("arch")};
  if (given.Has("os")) config.platform.os = given.String("os");
  if (given.Has("variant")) config.platform.variant = given.String("variant");
  for (const std::string& change : given.List("change")) TRY(ApplyChange(change, config));
  config.created = FormatTime(command.context.now());
  return config;
}

// What the signature policy says of archives.
Result<ImageVerdict> VerdictOf(const Command& command, const std::string& source) {
  const Policies policies =
      TRY(Policies::Load(command.context, command.options().String("signature-policy")));
  const ImageOrigin origin = ImageOrigin::OfFile("import", source);
  const auto rules = policies.RulesFor(origin);
  TRY(CheckNotRejected(rules, origin));
  ImageVerdict verdict{.source = origin.str(), .checked_ns = policies.loaded_ns()};
  for (const PolicyRule* rule : rules) verdict.rules.push_back(rule->str());
  return verdict;
}

}  // namespace

Result<int> ImportVerb(const Command& command) {
  const auto& words = command.line.arguments;
  const std::string& source = words[0];
  std::string name;
  if (words.size() > 1) name = TRY(FullName(words[1]));
  ImageConfig config = TRY(ConfigOf(command));
  Session session = TRY(OpenSession(command, Registries::kSkip));
  const ImageVerdict verdict = TRY(VerdictOf(command, source));
  ConfineToStore(command, session, IsUrl(source) ? Network::kAny : Network::kNone);
  Staging staging = TRY(Staging::Begin(session.store));
  const Digest diff_id = TRY_WITH(WriteLayer(command, session, staging, source), "import " + source);
  const std::string message = command.options().String("message");
  config.diff_ids = {diff_id};
  config.history = {{.created = config.created,
                     .created_by = "/bin/sh -c #(nop) ADD file:" + diff_id.hex() + " in / ",
                     .comment = message.empty() ? "imported from tarball" : message}};
  const ImageRecord record =
      TRY(CommitImage(session.store, staging, config, name, command.context.now(), verdict));
  WriteEvent(session.store, {.time_ns = command.context.now(),
                             .type = "image",
                             .status = "import",
                             .id = record.config.hex(),
                             .name = name});
  PrintLine("sha256:" + record.config.hex());
  return 0;
}

}  // namespace wolffia
