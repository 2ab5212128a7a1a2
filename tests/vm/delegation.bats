# What holds depends on what systemd delegates to the user: all controllers, Debian's three, memory and pids alone.
load vm.bash

setup_file() {
  vm_wanted long || return 0
  vm_start
}
teardown() { [ -n "$VM_SKIP" ] || vm 'wolffia rm -af -t 0 >/dev/null'; }

# delegate CONTROLLERS: to users, from the next login on; "": as Debian has it. This is the drop-in that errors recommend.
delegate() {
  local file=/etc/systemd/system/user@.service.d/delegate.conf
  if [ -n "$1" ]; then
    vm_root "printf '[Service]\nDelegate=\nDelegate=%s\n' '$1' >$file && systemctl daemon-reload && systemctl restart user@1000"
  else
    vm_root "rm -f $file && systemctl daemon-reload && systemctl restart user@1000"
  fi
}

assert_refused() {  # FLAG CONTROLLER
  run vm "wolffia run --rm $1 busybox true"
  assert_status 125
  assert_output_has "${1%% *} cannot hold: it needs the $2 controller"
  assert_output_has /etc/systemd/system/user@.service.d/delegate.conf
  assert_output_has "Delegate=cpu cpuset io memory pids"
  run vm "wolffia ps -aq; ls /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice | grep wolffia-"
  assert_output_is ""
}

# assert_told CONTROLLERS: doctor says that these hold, and what would make the others hold.
assert_told() {
  local name verdict
  run vm 'wolffia doctor resource-{memory,swap,cpu,cpuset,io,pids}'
  for name in memory swap cpu cpuset io pids; do
    [[ " $1 " = *" ${name/swap/memory} "* ]] && verdict=HOLDS || verdict=HOLDS-IF
    grep -qE "^ *$verdict +resource-$name " <<<"$output" || fail "$name is not $verdict: $output"
    [ $verdict = HOLDS ] || assert_output_has "systemd has not delegated the ${name/swap/memory} controller"
  done
  [[ $1 = *cpuset* ]] || assert_output_has "Delegate=cpu cpuset io memory pids"
}

@test "memory and pids alone: they hold, the others are refused with the drop-in named" {
  delegate "memory pids"
  vm 'wolffia run --rm busybox true'
  run -137 vm 'wolffia run --rm --memory 32m busybox tail /dev/zero'
  run vm 'wolffia run --rm --pids-limit 20 busybox cat /sys/fs/cgroup/pids.max'
  assert_output_is 20
  assert_told "memory pids"
  assert_refused "--cpus 0.5" cpu
  assert_refused "--cpu-shares 100" cpu
  assert_refused "--cpuset-cpus 0" cpuset
  assert_refused "--device-read-bps /dev/vda:1mb" io
  assert_refused "--blkio-weight 100" io
  run vm 'wolffia run -d --name plain busybox sleep 1000 >/dev/null && wolffia stats --no-stream --format "{{.Name}} {{.PIDs}}" plain'
  assert_output_is "plain 1"
}

@test "Debian's cpu, memory and pids: cpuset and io are refused" {
  delegate ""
  run vm 'wolffia run --rm --cpus 0.5 busybox cat /sys/fs/cgroup/cpu.max'
  assert_output_is "50000 100000"
  assert_told "cpu memory pids"
  assert_refused "--cpuset-mems 0" cpuset
  assert_refused "--device-write-iops /dev/vda:10" io
}

@test "with the drop-in that the errors name, all controllers are there" {
  delegate "cpu cpuset io memory pids"
  vm 'wolffia run -d --name every --cpus 0.5 --cpuset-cpus 0 --memory 64m --pids-limit 30 --device-read-bps /dev/vda:1mb busybox sleep 1000 >/dev/null'
  assert_told "cpu cpuset io memory pids"
  # Block I/O is limited with the container's root, which wolffia-overlayfs may serve: for the whole scope.
  run vm 'cd $(cgroup every) && cat cpu.max cpuset.cpus memory.max pids.max ../io.max'
  assert_output_is $'50000 100000\n0\n67108864\n30\n254:0 rbps=1048576 wbps=max riops=max wiops=max'
}

@test "no bus: the cgroup that we are in, where it is ours" {
  # As a batch system would start it: a delegated unit, without the user's systemd in sight.
  run vm_root 'cat >/run/job.sh <<"J"
unset DBUS_SESSION_BUS_ADDRESS
export XDG_RUNTIME_DIR=/tmp/job HOME=/home/tester
mkdir -m 700 $XDG_RUNTIME_DIR
own=/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)
mkdir $own/step && echo $$ >$own/step/cgroup.procs && echo "+memory +pids" >$own/cgroup.subtree_control
wolffia run -d --name job --cgroup-parent ${own#/sys/fs/cgroup} --memory 32m busybox sleep 1000 >/dev/null || exit
case $(sed -n "s/^0:://p" /proc/$(wolffia inspect -f "{{.State.Pid}}" job)/cgroup) in ${own#/sys/fs/cgroup}/*) echo below ;; esac
wolffia exec job tail /dev/zero; echo $?
wolffia rm -f -t 0 job
ls $own | grep -c wolffia
J
    systemd-run -q --pipe --wait --collect --uid=tester -p Delegate=yes -p Environment=PATH=/wolffia/build/bin:/usr/bin:/bin bash /run/job.sh </dev/null'
  assert_output_is $'below\n137\njob\n0'
}
