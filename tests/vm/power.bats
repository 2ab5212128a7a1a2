# The power is cut (kill -9 of qemu) in the middle of a pull and of running containers: the store is whole after the next
# boot, containers are known to have ended and start again, and the pull goes through.
load vm.bash

setup_file() {
  vm_wanted long || return 0
  vm_start
  # An image of one random layer of 24 MiB beside the built-in one's, behind a registry on the machine's loopback interface.
  # The registry keeps what was pushed; it is started again after each boot.
  vm 'set -e
    mkdir layer && head -c 24M /dev/urandom >layer/random && tar -cf layer.tar -C layer .
    sha256sum <layer/random >random.sum
    COMPRESS=none /wolffia/source/scripts/oci-layout big "{}" layer.tar >/dev/null
    printf "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: $HOME/registry}}\nhttp: {addr: 127.0.0.1:5000}\n" >registry.yml
    wolffia run --rm busybox true'
  start_registry
  vm 'skopeo --insecure-policy copy -q --dest-tls-verify=false oci:big:latest docker://localhost:5000/big && sync'
}

start_registry() {
  vm 'systemd-run -q --user --unit=registry docker-registry serve ~/registry.yml &&
    timeout 120 sh -c "until curl -sf http://127.0.0.1:5000/v2/ >/dev/null; do sleep 0.2; done"'
}

# The pull of the image, stopped in the middle of its layer: the registry stands still.
pull_halfway() {
  vm 'stored() { du -sk ~/.local/share/wolffia 2>/dev/null | cut -f1; }
    before=$(stored) end=$((SECONDS + 120))
    systemd-run -q --user --unit=pull /wolffia/build/bin/wolffia pull -q --tls-verify=false localhost:5000/big
    until [ $(stored) -ge $((before + 2048)) ]; do [ $SECONDS -lt $end ] || exit 1; done
    systemctl --user kill -s STOP registry; systemctl --user is-active pull'
}

assert_whole() {
  run vm 'wolffia system check'
  assert_status 0
  # What ran is known not to run any more, with its record whole, and runs again with what it had on the disk.
  run vm 'wolffia ps -a --filter name=runner --format "{{.State}}"'
  assert_status 0
  assert_output_is exited
  run vm 'wolffia start runner >/dev/null && wolffia exec runner sh -c "cat /kept"'
  assert_status 0
  assert_output_is "on the disk"
}

@test "a power cut in the middle of a pull and of a running container" {
  local round
  vm 'wolffia run -d --name runner busybox sh -c "echo on the disk >/kept; sync; while :; do date >>/log; sleep 0.1; done"'
  vm 'until wolffia exec runner test -s /log; do sleep 0.2; done'
  for round in as-it-is synced; do
    pull_halfway
    [ $round = as-it-is ] || vm sync
    vm_cut
    vm_boot
    assert_whole
    start_registry
  done
  run vm 'wolffia pull -q --tls-verify=false localhost:5000/big'
  assert_status 0
  run vm 'wolffia create --name fresh localhost:5000/big true >/dev/null && wolffia cp fresh:/random - | tar -xO | sha256sum | cmp - random.sum'
  assert_status 0
  vm 'wolffia rm -f -t 0 runner fresh' >/dev/null
  run vm 'wolffia system check && ls -A ~/.local/share/wolffia/tmp ~/.local/share/wolffia/containers'
  assert_status 0
}
