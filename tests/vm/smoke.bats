# A short proof on a real system: the machine boots, the user has a session, a container runs in it.
load vm.bash
setup_file() {
  vm_wanted short || return 0
  vm_start
}

@test "the user has a session, a bus and delegated controllers" {
  run vm 'echo $XDG_RUNTIME_DIR $(cat /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers); test -S $XDG_RUNTIME_DIR/bus'
  assert_status 0
  assert_output_is "/run/user/1000 cpuset cpu io memory pids"
}

@test "a container runs, and its exit code comes back" {
  run --separate-stderr vm 'wolffia run --rm busybox sh -c "echo hello from \$(id -u); exit 3"'
  assert_status 3
  assert_output_is "hello from 0"
}
