// Operations on an OverlayTree as lines of text, for tables in tests: "mkdir /x 755; write /x/f 0 text".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/overlay/overlay_tree.h"

namespace wolffia {

// Separated by ';'. What there is:
//   create P MODE     mkdir P MODE      symlink TARGET P   mknod P TYPE+MODE (octal)   tmpfile DIR P TEXT
//   write P OFFSET TEXT (or N*C)        append P TEXT      truncate P SIZE             punch P OFFSET SIZE
//   ln P Q            rm P              rmdir P            mv P Q      mvnew P Q (NOREPLACE)      swap P Q
//   chmod P MODE      chown P UID GID   touch P SECONDS    set P XATTR VALUE           unset P XATTR
//   sync P            syncdir P         syncall            open P (looked up and kept)
std::vector<std::string> SplitLines(std::string_view text);

// 0 or an errno. All lookups that it makes are forgotten again but those of "open".
int RunLine(OverlayTree& tree, const std::string& line);
// All of them; what failed, as text; "" if nothing did.
std::string RunLines(OverlayTree& tree, const std::vector<std::string>& lines);

}  // namespace wolffia
