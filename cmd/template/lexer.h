// The words of a template: text between actions, and the tokens inside them. Trim markers and comments are
// dealt with here, so that the parser never sees them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct TemplateToken {
  enum Kind {
    kText,        // outside of actions
    kOpen,        // {{
    kClose,       // }}
    kIdentifier,  // function, keyword, true, false, nil
    kField,       // .Name; text is the name
    kDot,         // . alone
    kVariable,    // $name; text has the $
    kString,      // text is unescaped
    kNumber,      // text as written
    kCharacter,   // text is the decimal code point
    kDeclare,     // :=
    kAssign,      // =
    kPipe,
    kLeft,   // (
    kRight,  // )
    kComma,
    kEnd,
  } kind = kEnd;
  std::string text;
  size_t position = 0;        // byte offset in the template
  bool space_before = false;  // tells ".A.B" from ".A .B"
};

// "template:LINE:COLUMN: what", with LINE and COLUMN from 1.
std::unexpected<Error> TemplateError(std::string_view source, size_t position, std::string_view what);

Result<std::vector<TemplateToken>> LexTemplate(std::string_view source);

}  // namespace wolffia
