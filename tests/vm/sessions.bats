# Logging out, with lingering and without.
load vm.bash

setup_file() {
  vm_wanted long || return 0
  vm_start
  vm 'wolffia run --rm busybox true'
}
teardown() {
  [ -z "$VM_SKIP" ] || return 0
  vm_root 'loginctl enable-linger tester'
  vm 'wolffia rm -af -t 0 >/dev/null'
}

@test "with lingering, a container outlives its session" {
  vm_logout
  vm_login 'wolffia run -d --name stays busybox sleep 1000'
  run vm 'wolffia exec stays echo still here; loginctl list-sessions --no-legend | grep -c tester'
  assert_output_is $'still here\n1'
}

@test "without lingering it ends with the user's last session: its end is known, nothing is left, it starts again" {
  vm_root 'loginctl disable-linger tester'
  vm_logout
  vm_login 'wolffia run -d --name goes busybox sh -c "trap \"exit 7\" TERM; while :; do sleep 0.1; done"; wolffia run -d --name hard busybox sleep 1000'
  vm_root 'gone() { [ ! -e /run/user/1000 ]; }; eventually gone && ! pgrep -U tester wolffia'
  run vm 'wolffia ps -a --format "{{.Names}} {{.State}}" | sort'
  assert_output_is $'goes exited\nhard exited'
  run vm 'wolffia system check -q && wolffia start goes hard >/dev/null && wolffia exec goes echo again'
  assert_status 0
  assert_output_is again
}

@test "podman's word for it: a restart of the user's systemd ends containers, not their records" {
  vm 'wolffia run -d --name goes busybox sleep 1000'
  vm_root 'systemctl restart user@1000'
  run vm 'gone() { [ "$(wolffia inspect -f "{{.State.Status}}" goes)" = exited ]; }; eventually gone && wolffia start goes'
  assert_status 0
}
