// swap A B [A B]...: exchanges the two names of each pair for ever, as the symlink-exchange attacks do: what was a
// directory a moment ago is a link now. Without RENAME_EXCHANGE it is three renames, with a moment of nothing between.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void Exchange(const char* a, const char* b) {
  if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0 || errno != EINVAL) return;
  char aside[4096];
  if (snprintf(aside, sizeof aside, "%s.aside", a) >= (int)sizeof aside) return;
  rename(a, aside);
  rename(b, a);
  rename(aside, b);
}

int main(int argc, char** argv) {
  if (argc < 3 || argc % 2 == 0) {
    fprintf(stderr, "usage: swap A B [A B]...\n");
    return 2;
  }
  for (;;)
    for (int i = 1; i + 1 < argc; i += 2) Exchange(argv[i], argv[i + 1]);
}
