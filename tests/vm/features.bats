# What else the container's cgroup is for: changes of a running container, pause, the end of all its processes, figures, and
# what the container sees of it.
load vm.bash

setup_file() {
  vm_wanted long || return 0
  vm_start
  vm 'mkdir vol && head -c 24M /dev/urandom >vol/data && sync && wolffia run --rm busybox true'
}
teardown() { [ -n "$VM_SKIP" ] || vm 'wolffia rm -af -t 0 >/dev/null'; }

assert_between() {  # LEAST VALUE MOST
  [ "$1" -le "$2" ] && [ "$2" -le "$3" ] || fail "$2 is not from $1 to $3"
}

@test "update changes the limits of a running container, and they hold at once" {
  vm 'wolffia run -d --name live --cpus 1.5 --memory 24m --memory-swap 24m --pids-limit 50 busybox sh -c "while :; do :; done & while :; do :; done" >/dev/null'
  run -137 vm 'wolffia exec live sh -c "set -o pipefail; head -c 40m /dev/zero | tail -n 1 | wc -c"'
  vm 'wolffia update --cpus 0.4 --memory 160m --memory-swap 160m --pids-limit 10 live'
  run vm 'cpu_percent 10 live'
  assert_between 36 "$output" 44
  run vm 'wolffia exec live sh -c "set -o pipefail; head -c 40m /dev/zero | tail -n 1 | wc -c"'
  assert_output_is 41943040
  run vm 'cat $(cgroup live)/pids.max; wolffia inspect -f "{{.HostConfig.PidsLimit}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}" live'
  assert_output_is $'10\n10 167772160 400000000'
  # After a start again they still hold.
  run vm 'wolffia restart -t 0 live >/dev/null; cat $(cgroup live)/{pids.max,memory.max,cpu.max}'
  assert_output_is $'10\n167772160\n40000 100000'
}

@test "update: what cannot be written leaves everything as it was" {
  vm 'wolffia run -d --name live --memory 64m --pids-limit 50 busybox sleep 1000 >/dev/null'
  run vm 'wolffia update --pids-limit 10 --cpuset-cpus 7 live'
  assert_status 125
  assert_output_has --cpuset-cpus
  run vm 'cat $(cgroup live)/pids.max; wolffia inspect -f "{{.HostConfig.PidsLimit}}" live'
  assert_output_is $'50\n50'
}

@test "update of io limits and of weights" {
  vm 'wolffia run -d --name live -v ~/vol:/vol busybox sleep 1000 >/dev/null && wolffia update --device-read-bps /dev/vda:1mb live'
  run vm 'milliseconds wolffia exec live dd if=/vol/data of=/dev/null bs=128k count=40 iflag=direct'
  assert_status 0
  assert_between 3900 "$output" 20000
  vm 'for name in much less; do
      wolffia run -d --name $name --cpu-shares 1024 --cpuset-cpus 1 busybox sh -c "while :; do :; done" >/dev/null || exit
    done; wolffia update --cpu-shares 8192 much'
  run vm 'cpu_percent 10 much less'
  assert_between $((lines[1] * 3)) "${lines[0]}" 1000
}

@test "update of every other limit: the kernel heeds it in a container that runs" {
  vm 'wolffia run -d --name live -v ~/vol:/vol busybox sh -c "while :; do :; done" >/dev/null'
  run vm 'wolffia update --cpuset-cpus 1 --cpuset-mems 1 live >/dev/null; grep -hE "(Cpus|Mems)_allowed_list" /proc/$(wolffia inspect -f "{{.State.Pid}}" live)/status'
  assert_output_is $'Cpus_allowed_list:\t1\nMems_allowed_list:\t1'
  run vm 'wolffia update --cpu-period 50000 --cpu-quota 15000 live >/dev/null; cpu_percent 10 live'
  assert_between 27 "$output" 33
  vm_root 'echo 3 >/proc/sys/vm/drop_caches'
  run vm 'wolffia update --cpus 2 --memory-high 12m live >/dev/null; wolffia exec live cat /vol/data >/dev/null; c=$(cgroup live); echo $(number $c/memory.events high) $(($(cat $c/memory.current) >> 20))'
  assert_status 0
  assert_between 1 "${output% *}" 1000000
  assert_between 0 "${output#* }" 16
  run vm 'wolffia update --memory-high -1 --memory-reservation 20m --cgroup-conf memory.oom.group=1 live >/dev/null; cd $(cgroup live) && cat memory.high memory.low ../memory.low memory.oom.group'
  assert_output_is $'max\n20971520\n20971520\n1'
  run vm 'wolffia update --device-write-bps /dev/vda:1mb --device-write-iops /dev/vda:100000 live >/dev/null
    milliseconds wolffia exec live dd if=/dev/zero of=/vol/written bs=128k count=40 oflag=direct'
  assert_status 0
  assert_between 3900 "$output" 20000
  run vm 'wolffia update --device-write-bps /dev/vda:0 --device-write-iops /dev/vda:20 live >/dev/null
    milliseconds wolffia exec live dd if=/dev/zero of=/vol/written bs=4k count=100 oflag=direct'
  assert_status 0
  assert_between 3900 "$output" 20000
  run vm 'wolffia update --device-read-iops /dev/vda:20 live >/dev/null; milliseconds wolffia exec live dd if=/vol/data of=/dev/null bs=4k count=100 iflag=direct'
  assert_status 0
  assert_between 3900 "$output" 20000
}

@test "inspect tells what the container waits for (PSI)" {
  vm 'wolffia run -d --name slow --cpus 0.2 busybox sh -c "while :; do :; done & while :; do :; done" >/dev/null'
  run vm 'waits() { wolffia inspect slow | jq -e ".[0].State.Pressure | .cpu.some.total > 100000 and .memory.full.total >= 0 and .io.some.avg10 >= 0" >/dev/null; }; eventually waits'
  assert_status 0
}

@test "nothing polls: beside an idle container no system call ends, and a start sleeps nowhere and times out nowhere" {
  local helpers
  vm 'wolffia run -d --name idle --memory 64m --network none --restart always busybox sleep 1000 >/dev/null'
  helpers=$(vm 'cat $(dirname $(cgroup idle))/supervisor/cgroup.procs')
  [ -n "$helpers" ]
  run vm_root "strace -qq -f $(printf -- '-p %s ' $helpers) -o /tmp/idle & tracer=\$!; sleep 10; kill \$tracer; wait \$tracer; test -s /tmp/idle && grep -vE 'unfinished|detached' /tmp/idle"
  assert_status 1
  assert_output_is ""
  run vm_root 'export XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/tester
    strace -f -u tester -e trace=nanosleep,clock_nanosleep,poll,ppoll,epoll_wait,epoll_pwait,select,pselect6 -o /tmp/start /wolffia/build/bin/wolffia run --rm --memory 64m --network none busybox cat /sys/fs/cgroup/memory.max
    grep -c "poll.* = 1" /tmp/start; grep -E "nanosleep|Timeout" /tmp/start'
  [ "${lines[0]}" = 67108864 ]
  [ "${lines[1]}" -ge 5 ]
  [ "${#lines[@]}" = 2 ] || fail "$output"
}

@test "pause freezes all of it, processes of exec too; unpause thaws" {
  vm 'wolffia run -d --name cold busybox sh -c "while :; do :; done" >/dev/null && wolffia exec -d cold sh -c "while :; do :; done" && wolffia pause cold >/dev/null'
  run vm 'number $(cgroup cold)/cgroup.events frozen; cpu_percent 3 cold; wolffia inspect -f "{{.State.Status}}" cold'
  assert_output_is $'1\n0\npaused'
  run vm 'wolffia unpause cold >/dev/null; number $(cgroup cold)/cgroup.events frozen; cpu_percent 3 cold'
  [ "${lines[0]}" = 0 ]
  assert_between 20 "${lines[1]}" 250
}

@test "kill and rm -f end every process, paused or not, and no cgroup stays" {
  local top=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice
  vm 'wolffia run -d --name many busybox sh -c "for i in 1 2 3 4 5; do setsid sleep 1000 & done; exec sleep 1000" >/dev/null'
  run vm 'wolffia kill many >/dev/null; timeout 60 wolffia wait many; pgrep -c -x sleep'
  assert_output_is $'137\n0'
  run vm "wolffia start many >/dev/null; wolffia pause many >/dev/null; wolffia rm -f -t 0 many >/dev/null; pgrep -c -x sleep; ls $top | grep -c wolffia-"
  assert_output_is $'0\n0'
}

@test "stats: processor, memory, processes, disk and network" {
  vm 'wolffia run -d --name busy --memory 64m -v ~/vol:/vol busybox sh -c "dd if=/vol/data of=/dev/null bs=1M iflag=direct; while :; do :; done" >/dev/null'
  run vm 'eventually sh -c "[ \$(wolffia stats --no-stream --format \"{{.PIDs}}\" busy) = 1 ]" && wolffia stats --no-stream --format json busy'
  assert_status 0
  echo "$output" | jq -e '.[0] | (.pids | tonumber) == 1 and (.cpu_percent | rtrimstr("%") | tonumber) > 1
    and (.mem_usage | endswith("/ 67.11MB")) and (.block_io | startswith("0B /") | not)'
  # What came through its network: read where nobody else's is counted.
  local sent='(.net_io | split(" / ")[1] | capture("(?<n>[0-9.]+)(?<unit>k?B)") | (.n | tonumber) * (if .unit == "kB" then 1000 else 1 end))'
  run vm "wolffia stats --no-stream --format json busy | jq '.[0] | $sent'"
  local before=${output%.*}
  vm 'for i in 1 2 3 4 5; do wolffia exec busy sh -c "echo | timeout 2 nc 10.0.2.2 9" 2>/dev/null; done; true'
  run vm "wolffia stats --no-stream --format json busy | jq '.[0] | $sent'"
  assert_between $((before + 5 * 40)) "${output%.*}" $((before + 100000))
}

@test "the container sees its own cgroup alone: read-only, or read-write where it is asked to" {
  run vm 'wolffia run --rm busybox sh -c "cat /proc/self/cgroup; ls /sys/fs/cgroup | grep -c supervisor; mkdir /sys/fs/cgroup/x"'
  assert_output_has $'0::/\n0\n'
  assert_output_has "Read-only file system"
  run vm 'wolffia run --rm --memory 64m --security-opt unmask=/sys/fs/cgroup busybox sh -c "cd /sys/fs/cgroup && mkdir part all && echo 1 >all/cgroup.procs && echo +memory >cgroup.subtree_control &&
    echo 32M >part/memory.max && cat part/memory.max; echo max >memory.max; cat memory.max"'
  assert_output_has 33554432
  assert_output_has 67108864  # its own limit is not the container's to lift
}

@test "--cgroups=disabled, split; --cgroup-parent" {
  run vm 'wolffia run -d --name plain --cgroups=disabled busybox sleep 1000 >/dev/null; sed -n s,^0::.*/,,p /proc/$(wolffia inspect -f "{{.State.Pid}}" plain)/cgroup; sed -n s,^0::.*/,,p /proc/self/cgroup'
  [ "${lines[0]}" = "${lines[1]}" ] || fail "$output"
  run vm 'wolffia run --rm --cgroups=disabled --memory 64m busybox true'
  assert_status 125
  run vm 'wolffia run -d --name work --cgroup-parent work.slice busybox sleep 1000 >/dev/null; cgroup work'
  assert_output_has /user@1000.service/work.slice/wolffia-
  # split: below the cgroup that we are in, which has processes of its own here, so no limit can hold.
  run vm 'systemd-run -q --user --scope -p Delegate=yes wolffia run -d --name part --cgroups=split busybox sleep 1000 2>&1 >/dev/null; cgroup part'
  assert_output_has .scope/wolffia-
  run vm 'systemd-run -q --user --scope -p Delegate=yes wolffia run --rm --cgroups=split --pids-limit 20 busybox true'
  assert_status 125
  assert_output_has "has processes of its own"
  assert_output_has "cgroups.move_own = true"
}
