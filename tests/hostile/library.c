// A library that an image puts where a careless engine would load it from (CVE-2019-14271): it says so when it is loaded.
#include <fcntl.h>
#include <unistd.h>

__attribute__((constructor)) static void Loaded(void) {
  const int file = open("/loaded", O_WRONLY | O_CREAT, 0644);
  if (file >= 0) close(file);
}
