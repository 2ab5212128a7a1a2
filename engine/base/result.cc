#include "engine/base/result.h"

#include <cerrno>

namespace wolffia {

Code CodeOfErrno(int os_errno) {
  switch (os_errno) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
      return Code::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
      return Code::kExists;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
      return Code::kBusy;
    case EPERM:
    case EACCES:
    case EROFS:
      return Code::kDenied;
    case ENOSPC:
    case EDQUOT:
      return Code::kNoSpace;
    case ENOSYS:
    case EOPNOTSUPP:
      return Code::kUnsupported;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      return Code::kInvalid;
    default:
      return Code::kIo;
  }
}

std::unexpected<Error> FailErrno(std::string_view what, int os_errno) {
  return Fail(CodeOfErrno(os_errno), std::string(what) + ": " + std::strerror(os_errno), os_errno);
}

std::unexpected<Error> FailErrno(std::string_view what) {
  return FailErrno(what, errno);
}

}  // namespace wolffia
