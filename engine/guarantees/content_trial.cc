#include "engine/guarantees/content_trial.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "engine/base/file.h"

namespace wolffia {
namespace {

// Of nothing that anybody can make.
const std::string kFalseDigest(64, '0');
constexpr int kPatienceMs = 10'000;

Result<> WriteLayout(int dirfd) {
  for (const char* path : {"layout", "layout/blobs", "layout/blobs/sha256"})
    if (mkdirat(dirfd, path, 0700) < 0) return FailErrno("make the directory of an image to be refused");
  TRY(CreateFileAt(dirfd, "settings", "[storage]\ndurability = \"volatile\"\n",
                   0600));  // nothing of it is to stay
  TRY(CreateFileAt(dirfd, "layout/oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0600));
  TRY(CreateFileAt(dirfd, "layout/blobs/sha256/" + kFalseDigest, "{}", 0600));
  return CreateFileAt(
      dirfd, "layout/index.json",
      R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:)" +
          kFalseDigest + R"(","size":2}]})",
      0600);
}

}  // namespace

Result<ContentTrial> ContentTrial::Start(const Store& store) {
  ContentTrial trial(TRY(Staging::Begin(store)));
  TRY(WriteLayout(trial.staging_.dirfd()));
  const std::string place = store.root_path() + "/" + trial.staging_.path();
  SpawnRequest request{.program = TRY(FindSibling("wolffia-image"))};
  request.argv = {request.program,
                  "--config=" + place + "/settings",
                  "--root=" + place + "/root",
                  "--runroot=" + place + "/run",
                  "pull",
                  "-q",
                  "oci:" + place + "/layout"};
  Fd null = TRY(Open("/dev/null", O_RDWR));
  Pipe words = TRY(MakePipe());
  request.donations = {{null.get(), 0}, {null.get(), 1}, {words.write.get(), 2}};
  trial.child_ = TRY(Spawn(request));
  trial.words_ = std::move(words.read);
  return trial;
}

std::string ContentTrial::Finish() {
  pollfd ended{child_.pidfd(), POLLIN, 0};
  if (poll(&ended, 1, kPatienceMs) <= 0) return "the trial did not come to its end";
  const std::string words = ReadFd(words_.get(), 64 << 10, "wolffia-image").value_or("");
  auto status = child_.Wait();
  if (!status) return status.error().what;
  if (status->ShellCode() == 0) return "an image with false content was accepted";
  return words.find(kFalseDigest + " has other content") != std::string::npos
             ? ""
             : "an image with false content was not refused for it: " + words.substr(0, words.find('\n'));
}

}  // namespace wolffia
