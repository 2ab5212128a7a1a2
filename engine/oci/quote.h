// Quote: foreign text made fit for an error sentence. What an image, a registry or a file says ends up on a
// terminal: control bytes and bytes that are not UTF-8 are shown as \xNN, and long text is cut.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wolffia {

// At most `limit` bytes of `text`, in single quotes, "..." where it was cut.
std::string Quote(std::string_view text, size_t limit = 120);
// The same without the quotes.
std::string Printable(std::string_view text, size_t limit = 120);

// True if JSON can hold it: RFC 3629 UTF-8 (no surrogates, nothing overlong) and no NUL byte.
bool IsUtf8Text(std::string_view text);

// Adds a character (at most U+10FFFF) as UTF-8.
void AppendUtf8(uint32_t character, std::string& out);

}  // namespace wolffia
