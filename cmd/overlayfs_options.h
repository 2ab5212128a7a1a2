// The command line of wolffia-overlayfs: fuse-overlayfs's, so that it can stand in for it. Every option does
// what the manual page says, or is refused with the reason: none is taken and ignored. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "storage/overlay/owner_map.h"
#include "storage/overlay/upper_object.h"

namespace wolffia {

struct OverlayfsOptions {
  bool help = false, version = false;
  bool foreground = false;
  bool debug = false;  // says on stderr what is served, and at the end what was asked for; foreground

  std::string mountpoint;
  std::string source = "wolffia-overlayfs";   // as the mount table shows it
  std::string subtype = "wolffia-overlayfs";  // of the type: "fuse.SUBTYPE"
  std::vector<std::string> lower;             // the topmost first
  std::string upper, work;                    // both or none

  std::optional<UpperIds> ids;  // nothing: what the directories say
  OwnerMaps owners;
  double timeout = 1e9;  // seconds
  bool threaded = true;
  bool durable = true;
  bool writeback = false;
  bool xattrs = true;
  bool acl = true;
  bool static_nlink = false;
  bool redirects = true;

  // For the mount.
  unsigned long flags = 0;         // MS_*
  bool allow_other = false;        // other users than the one who mounts may use it
  bool auto_unmount = false;       // fusermount3 unmounts when the server dies
  std::vector<std::string> extra;  // "max_read=65536", "context=..."
};

// `root`: the caller has the effective uid 0. kInvalid with a sentence.
Result<OverlayfsOptions> ParseOverlayfsOptions(const std::vector<std::string>& arguments, bool root);

std::string OverlayfsHelp();
// Of -o, those that are refused too: what the manual page has to tell.
std::vector<std::string> OverlayfsOptionNames();

}  // namespace wolffia
