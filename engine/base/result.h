// Result<T>: a value or an Error. The only way in which a function of this project reports failure.
//
// An Error has a code (what kind of failure: decides exit codes and retries), the errno of the system call
// behind it (0 where there is none) and a sentence for people. Context is added outward, so that the sentence
// reads from the general to the particular: "pull debian: layer sha256:ab..: write: No space left on device".
// Log an error or return it, never both; only cmd/ prints. No exception crosses a function of this project.
#pragma once

#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace wolffia {

enum class Code {
  kInvalid,        // the user, a file of the user's or an image is malformed or contradicts itself
  kNotFound,       // a named thing does not exist
  kExists,         // a name is taken
  kBusy,           // in use, or in a state that does not allow this
  kDenied,         // the kernel or a registry refuses permission
  kUnsupported,    // this host cannot do it (the sentence names the remedy)
  kCorrupt,        // bytes do not match their digest, length or format
  kNoSpace,        // ENOSPC, EDQUOT, or a limit of ours
  kNetwork,        // a transfer failed; trying again may help
  kIo,             // any other failed system call
  kNotExecutable,  // the container's command exists and cannot be executed (exit code 126)
  kNoCommand,      // the container's command does not exist (exit code 127)
};

struct Error {
  Code code = Code::kIo;
  int os_errno = 0;
  std::string what;

  // Puts "context: " before the sentence.
  Error With(std::string_view context) && {
    what.insert(0, std::string(context) + ": ");
    return std::move(*this);
  }
  bool operator==(const Error&) const = default;
};

template <typename T>
class [[nodiscard]] ResultOf : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  // Adds context to the error, if there is one.
  ResultOf With(std::string_view context) && {
    if (!this->has_value()) this->error() = std::move(this->error()).With(context);
    return std::move(*this);
  }
};

template <typename T = void>
using Result = ResultOf<T>;

// Fails with a code and a sentence.
inline std::unexpected<Error> Fail(Code code, std::string what, int os_errno = 0) {
  return std::unexpected(Error{code, os_errno, std::move(what)});
}

// The code that an errno stands for.
Code CodeOfErrno(int os_errno);

// Fails with errno (or the one given): "what: strerror". `what` names the call and its object: "open
// /etc/hosts".
std::unexpected<Error> FailErrno(std::string_view what, int os_errno);
std::unexpected<Error> FailErrno(std::string_view what);

template <typename T>
T TakeValue(ResultOf<T>&& r) {
  if constexpr (!std::is_void_v<T>) return *std::move(r);
}

// TRY(expr): the value of a Result, or return its error from the enclosing function. Never inside the braces of an
// initialiser (of an aggregate, an array or a list) nor in a lambda's captures: on GCC 12 a return from there does not
// destroy the members that are made already. Put the value in a local first.
// TRY_WITH(expr, context): the same, with context added to the error.
#define TRY(...) TRY_AS_(TRY_NAME_(__COUNTER__), (__VA_ARGS__), )
#define TRY_WITH(expr, context) TRY_AS_(TRY_NAME_(__COUNTER__), (expr), .With(context))
#define TRY_NAME_(n) TRY_PASTE_(try_result_, n)  // a name of its own for each: a TRY may stand inside another
#define TRY_PASTE_(a, b) a##b
#define TRY_AS_(name, expr, context)                                    \
  ({                                                                    \
    auto name = expr;                                                   \
    if (!name) return std::unexpected(std::move(name.error()) context); \
    ::wolffia::TakeValue(std::move(name));                              \
  })

}  // namespace wolffia
