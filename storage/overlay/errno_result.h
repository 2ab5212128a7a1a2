// Sys<T>: a value or an errno: the result of everything that ends in an answer to the kernel (FUSE). TRY
// works with it.
#pragma once

#include <cerrno>
#include <expected>
#include <utility>

namespace wolffia {

template <typename T = void>
class [[nodiscard]] Sys : public std::expected<T, int> {
 public:
  using std::expected<T, int>::expected;
};

inline std::unexpected<int> SysFail(int os_errno) {
  return std::unexpected(os_errno);
}
inline std::unexpected<int> SysFail() {
  return std::unexpected(errno);
}

template <typename T>
T TakeValue(Sys<T>&& r) {
  if constexpr (!std::is_void_v<T>) return *std::move(r);
}

}  // namespace wolffia
