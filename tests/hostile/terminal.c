// terminal: puts characters into the input of its terminal, by all ways that the kernel has (CVE-2016-2781 and its like):
// TIOCSTI, the same with bits above the 32 that the kernel looks at, and TIOCLINUX's paste. One line each.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void Try(const char* name, unsigned long request, void* argument) {
  const long result = syscall(SYS_ioctl, 0, request, argument);
  printf("%s: %s\n", name, result == 0 ? "worked" : strerror(errno));
}

int main(void) {
  char paste = 3, key = 'x';
  Try("TIOCSTI", TIOCSTI, &key);
  Try("TIOCSTI with high bits", TIOCSTI | 1UL << 32, &key);
  Try("TIOCLINUX", TIOCLINUX, &paste);
  return 0;
}
