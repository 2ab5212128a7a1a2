# Every limit, with the kernel enforcing it.
load vm.bash

setup_file() {
  vm_wanted long || return 0
  vm_start
  vm 'mkdir vol && head -c 48M /dev/urandom >vol/data && head -c 48M /dev/urandom >vol/more && sync && wolffia run --rm busybox true'
}
teardown() { [ -n "$VM_SKIP" ] || vm 'wolffia rm -af -t 0 >/dev/null'; }

assert_between() {  # LEAST VALUE MOST
  [ "$1" -le "$2" ] && [ "$2" -le "$3" ] || fail "$2 is not from $1 to $3"
}

@test "--memory: a hog is killed at its limit; inspect, events and the exit code tell" {
  run -137 vm 'wolffia run --name hog --memory 32m busybox tail /dev/zero'
  run vm 'wolffia inspect -f "{{.State.OOMKilled}} {{.State.ExitCode}} {{.HostConfig.Memory}}" hog'
  assert_output_is "true 137 33554432"
  run vm 'wolffia events --stream=false --filter container=hog --filter event=oom --format "{{.Status}}"'
  assert_output_is oom
}

@test "--memory: what a process of exec takes counts as well, and the container goes on" {
  run vm 'wolffia run -d --name host --memory 32m busybox sleep 1000 >/dev/null && wolffia exec host tail /dev/zero'
  assert_status 137
  run vm 'wolffia exec host echo goes on; wolffia inspect -f "{{.State.Status}}" host'
  assert_output_is "goes on
running"
}

@test "--memory: the page cache of the process that serves the container's root is bounded as well" {
  run vm 'wolffia run -d --name writes --memory 64m --storage-opt upper=fuse busybox sleep 1000 >/dev/null && wolffia exec writes dd if=/dev/zero of=/big bs=1M count=300 2>/dev/null &&
    cd $(cgroup writes)/../supervisor && cat memory.high && echo $(($(cat memory.peak) >> 20))'
  assert_status 0
  [ "${lines[0]}" = 134217728 ]
  assert_between 64 "${lines[1]}" 160
}

@test "--memory-swap: swap is counted with memory" {
  local hog='set -o pipefail; head -c 48m /dev/zero | tail -n 1 | wc -c'
  run vm "wolffia run --rm --memory 32m --memory-swap 32m busybox sh -c '$hog'"
  assert_status 137
  run vm "wolffia run --rm --memory 32m --memory-swap 160m busybox sh -c '$hog'"
  assert_status 0
  assert_output_is 50331648
}

@test "--memory-reservation: when memory is reclaimed, the others give theirs first" {
  vm_root 'echo 1 >/proc/sys/vm/drop_caches'
  vm 'for name in given kept; do
      [ $name = kept ] && file=more || file=data
      wolffia run -d --name $name $([ $name = given ] || echo --memory-reservation 64m) -v ~/vol:/vol busybox \
        sh -c "cat /vol/$file >/dev/null; echo read; sleep 1000" >/dev/null || exit
      eventually sh -c "wolffia logs $name | grep -q read" || exit
    done'
  run vm 'top=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice
    before=$(cat $(cgroup kept)/memory.current)
    echo 36M >$top/memory.reclaim || true
    echo $((before >> 20)) $(($(cat $(cgroup kept)/memory.current) >> 20)) $(($(cat $(cgroup given)/memory.current) >> 20))'
  local before kept given
  read -r before kept given <<<"${output##*$'\n'}"
  assert_between 40 "$before" 80
  assert_between $((before - 4)) "$kept" 80
  assert_between 0 "$given" 30
}

@test "--memory-high: reclaimed at the mark, not killed" {
  run vm 'wolffia run -d --name high --memory-high 16m -v ~/vol:/vol busybox sh -c "cat /vol/data /vol/more >/dev/null; echo read; sleep 1000" >/dev/null
    eventually sh -c "wolffia logs high | grep -q read" && c=$(cgroup high) &&
    echo $(number $c/memory.events high) $(($(cat $c/memory.current) >> 20)) $(number $c/memory.events oom_kill)'
  assert_status 0
  read -r high current killed <<<"$output"
  assert_between 1 "$high" 1000000
  assert_between 0 "$current" 20
  [ "$killed" = 0 ]
}

@test "--cpus and --cpu-quota hold within 10 %" {
  vm 'wolffia run -d --name half --cpus 0.5 busybox sh -c "while :; do :; done & while :; do :; done" >/dev/null'
  run vm 'cpu_percent 10 half'
  assert_between 45 "$output" 55
  vm 'wolffia rm -f -t 0 half && wolffia run -d --name third --cpu-period 50000 --cpu-quota 15000 busybox sh -c "while :; do :; done" >/dev/null'
  run vm 'cpu_percent 10 third'
  assert_between 27 "$output" 33
}

@test "--cpu-shares: where one processor is wanted by two, it is divided by them" {
  vm 'for name in much:2048 less:512; do
      wolffia run -d --name ${name%:*} --cpu-shares ${name#*:} --cpuset-cpus 1 busybox sh -c "while :; do :; done" >/dev/null || exit
    done'
  run vm 'cpu_percent 10 much less'
  local much=${lines[0]} less=${lines[1]}
  assert_between $((less * 2)) "$much" $((less * 8))
}

@test "--cpuset-cpus and --cpuset-mems: no other processor, no other node" {
  run vm 'wolffia run --rm --cpuset-cpus 1 --cpuset-mems 1 busybox grep -E "(Cpus|Mems)_allowed_list" /proc/self/status'
  assert_output_is $'Cpus_allowed_list:\t1\nMems_allowed_list:\t1'
  vm 'wolffia run -d --name node --cpuset-mems 1 -v ~/vol:/vol busybox sh -c "head -c 32m /dev/zero | tail -n 1 | { sleep 1000; }" >/dev/null'
  run vm 'c=$(cgroup node) && full() { [ "$(cat $c/memory.current)" -ge 33554432 ]; } && eventually full && sed -n "s/^anon N0=\([0-9]*\) N1=\([0-9]*\)/\1 \2/p" $c/memory.numa_stat'
  local none all
  read -r none all <<<"$output"
  [ "$none" = 0 ]
  assert_between 30000000 "$all" 100000000
}

@test "--pids-limit stops a fork bomb, beside which the host works" {
  vm 'wolffia run -d --name bomb --pids-limit 24 busybox sleep 1000 && wolffia exec -d bomb sh -c "bomb() { bomb | bomb & }; bomb"' >/dev/null
  run vm 'stopped() { [ "$(number $(cgroup bomb)/pids.events max)" -ge 1 ]; }; eventually stopped && cat $(cgroup bomb)/pids.max $(cgroup bomb)/pids.peak'
  assert_status 0
  assert_output_is $'24\n24'
  run vm 'wolffia run --rm busybox echo beside'
  assert_output_is beside
  run vm 'c=$(cgroup bomb) && wolffia rm -f -t 0 bomb && [ ! -e $c ]'
  assert_status 0
}

@test "the default of --pids-limit is 2048, and -1 is no limit" {
  run vm 'for limit in "" "--pids-limit -1"; do wolffia run --rm $limit busybox cat /sys/fs/cgroup/pids.max; done'
  assert_output_is $'2048\nmax'
}

@test "--device-write-bps, --device-read-bps: a megabyte a second is one" {
  run vm 'milliseconds wolffia run --rm --device-write-bps /dev/vda:1mb -v ~/vol:/vol busybox dd if=/dev/zero of=/vol/written bs=128k count=40 oflag=direct'
  assert_status 0
  assert_between 3900 "$output" 20000
  run vm 'milliseconds wolffia run --rm --device-read-bps /dev/vda:1mb -v ~/vol:/vol busybox dd if=/vol/data of=/dev/null bs=128k count=40 iflag=direct'
  assert_status 0
  assert_between 3900 "$output" 20000
}

@test "--device-write-iops, --device-read-iops: twenty a second are twenty" {
  run vm 'milliseconds wolffia run --rm --device-write-iops /dev/vda:20 -v ~/vol:/vol busybox dd if=/dev/zero of=/vol/data bs=4k count=100 oflag=direct conv=notrunc'
  assert_status 0
  assert_between 3900 "$output" 20000
  run vm 'milliseconds wolffia run --rm --device-read-iops /dev/vda:20 -v ~/vol:/vol busybox dd if=/vol/data of=/dev/null bs=4k count=100 iflag=direct'
  assert_status 0
  assert_between 3900 "$output" 20000
}

# share NAME OTHER: fails where the first has not read a fifth more than the other in ten seconds. (Where the
# emulated processors are what is scarce rather than the disk, it is far from ten times as much.)
share() {
  run vm 'rbytes() { sed -n "s/^254:0 rbytes=\([0-9]*\) .*/\1/p" $(cgroup $1)/io.stat; }
    a=$(rbytes '"$1"') b=$(rbytes '"$2"'); sleep 10; echo $((($(rbytes '"$1"') - a) >> 10)) $((($(rbytes '"$2"') - b) >> 10))'
  [ $((${output% *} * 5)) -ge $((${output#* } * 6)) ] || fail "$1 and $2: $output KiB"
}

scheduler() { vm_root "modprobe bfq && echo $1 >/sys/block/vda/queue/scheduler"; }
# readers FLAG-OF-ONE FLAG-OF-TWO: two containers that want the disk.
readers() {
  vm "for name in 'one $1' 'two $2'; do
      wolffia run -d --name \$name -v ~/vol:/vol busybox \
        sh -c 'read() { while :; do dd if=/vol/data of=/dev/null bs=2M iflag=direct 2>/dev/null; done; }; read & read & read' >/dev/null || exit
    done"
}

@test "--blkio-weight, and its update: the disk's time is divided by it" {
  scheduler bfq
  readers "--blkio-weight 1000" "--blkio-weight 100"
  share one two
  run vm 'wolffia update --blkio-weight 100 one && wolffia update --blkio-weight 1000 two'
  assert_output_is $'one\ntwo'
  share two one
}

@test "--blkio-weight-device, and its update: the same for one disk, and systemd knows it" {
  scheduler bfq
  readers "--blkio-weight-device /dev/vda:1000" "--blkio-weight-device /dev/vda:100"
  share one two
  vm 'wolffia update --blkio-weight-device /dev/vda:200 one && wolffia update --blkio-weight-device /dev/vda:1000 two'
  share two one
  # What systemd is asked for next makes it write all that it knows of the scope's I/O.
  run vm 'cd $(cgroup one)/.. && systemctl --user set-property --runtime $(basename $PWD) "IOReadBandwidthMax=/dev/vda 900M" &&
    written() { grep -q rbps=900000000 io.max; }; eventually written && cat io.bfq.weight && systemctl --user show -P IODeviceWeight $(basename $PWD)'
  assert_output_is $'default 100\n254:0 200\n/dev/block/254:0 1200'
}

@test "a disk that nothing divides by weights: a warning, and for that disk's own weight a refusal" {
  scheduler none
  run vm 'wolffia run --rm --blkio-weight 500 busybox echo runs'
  assert_status 0
  assert_output_has "--blkio-weight changes nothing now"
  assert_output_has runs
  run vm 'wolffia run --name refused --blkio-weight-device /dev/vda:500 busybox true'
  assert_status 125
  assert_output_has "--blkio-weight-device cannot hold: that disk does not divide its time by weights"
  assert_output_has /sys/block/DISK/queue/scheduler
  run vm 'wolffia run -d --name live --blkio-weight 100 --pids-limit 50 busybox sleep 1000 >/dev/null 2>&1; wolffia update --pids-limit 10 --blkio-weight-device /dev/vda:500 live'
  assert_status 125
  run vm 'cat $(cgroup live)/pids.max; wolffia update --blkio-weight 200 live 2>&1; cat $(cgroup live)/../io.bfq.weight'
  assert_output_has "changes nothing now"
  [[ "$output" = 50* && "$output" = *"default 200" ]]
}

@test "--cgroup-conf writes a file of the cgroup; memory.oom.group kills the whole container" {
  run vm 'wolffia run --name group --memory 32m --cgroup-conf memory.oom.group=1 busybox sh -c "sleep 1000 & tail /dev/zero; echo goes on"'
  assert_status 137
  assert_output_is ""
  run --separate-stderr vm 'wolffia run --name single --memory 32m busybox sh -c "tail /dev/zero; echo goes on"'
  assert_status 0
  assert_output_is "goes on"
  run vm 'wolffia inspect -f "{{.State.OOMKilled}}" group'
  assert_output_is true
}
