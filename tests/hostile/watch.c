// watch OUTSIDE: looks at every process that appears in its pid namespace as closely as the kernel lets it (CVE-2016-9962,
// CVE-2024-21626): the program that it executes, its root, its working directory, its descriptors, tracing. Until it is
// killed; a process of the engine that let itself be looked at is a line in /report/watch.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

static FILE* report;

static void Say(const char* what, const char* more) {
  fprintf(report, "%s %s\n", what, more);
  fflush(report);
}

static int Exists(const char* path, const char* below) {
  char full[8192];
  snprintf(full, sizeof full, "%s/%s", path, below);
  return access(full, F_OK) == 0;
}

static void LookAt(int pid, const char* outside) {
  char path[300], target[4096];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  const ssize_t size = readlink(path, target, sizeof target - 1);
  if (size <= 0) return;
  target[size] = 0;
  if (strstr(target, "wolffia") == NULL || strstr(target, "wolffia-init") != NULL) return;
  Say("a program of the engine was seen:", target);
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) Say("... and traced:", target);
  for (const char* const* kind = (const char* const[]){"root", "cwd", NULL}; *kind; kind++) {
    snprintf(path, sizeof path, "/proc/%d/%s", pid, *kind);
    if (Exists(path, outside) || Exists(path, "canary")) Say("what lies outside was reached through its", *kind);
  }
  for (int fd = 3; fd < 64; fd++) {
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    if (Exists(path, outside) || Exists(path, "canary")) Say("what lies outside was reached through its descriptor", path);
  }
}

int main(int argc, char** argv) {
  report = fopen("/report/watch", "a");
  if (argc != 2 || report == NULL) return 2;
  Say("watching", "");
  for (;;) {
    DIR* proc = opendir("/proc");
    if (proc == NULL) return 2;
    for (struct dirent* entry; (entry = readdir(proc)) != NULL;) {
      const int pid = atoi(entry->d_name);
      if (pid > 1 && pid != getpid()) LookAt(pid, argv[1]);
    }
    closedir(proc);
  }
}
