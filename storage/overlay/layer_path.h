// Names as a layer's tar spells them, taken apart: purely lexical, before any tree is looked at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

inline constexpr size_t kMaxPathBytes = 4096;    // PATH_MAX
inline constexpr size_t kMaxNameBytes = 255;     // NAME_MAX
inline constexpr size_t kMaxTargetBytes = 4095;  // PATH_MAX less the terminator

// Replaces `components` by the parts of `path` from the root: "." and empty parts dropped, ".." taking away
// the part before it. None: the root itself. kInvalid for what leaves the root, is too long or has a NUL
// byte.
Result<> SplitLayerPath(std::string_view path, std::vector<std::string_view>& components);

// What a name in a layer means (image-spec layer.md, "Whiteouts").
enum class NameKind {
  kEntry,
  kWhiteout,  // ".wh.NAME": NAME of the layers below is gone
  kOpaque,    // ".wh..wh..opq": everything below in this directory is gone
  kMetadata,  // ".wh..wh.*": left by the aufs driver of old engines; means nothing
};
NameKind KindOfName(std::string_view name);
std::string_view WhitedOutName(std::string_view whiteout);  // NAME of ".wh.NAME"

// A path for a message: shortened, and without bytes that a terminal would act on.
std::string Printable(std::string_view path);

}  // namespace wolffia
