# No systemd in sight: what a batch system such as Slurm gives its jobs. Its daemon (here root, by hand) makes a cgroup for
# each job, limits it, and gives those of the job's steps to the user. What a step starts is limited and counted in there.
load vm.bash

JOB=/sys/fs/cgroup/batch/job_1
setup_file() {
  vm_wanted long || return 0
  vm_start
  # step [main] SCRIPT: runs it as the user, without systemd or bus, in a new cgroup of the job's, STEP, which is the user's;
  # or in STEP/main, so that STEP itself is free to hand its controllers down.
  vm_root 'cat >/usr/local/bin/step <<"S"
export STEP=$(mktemp -d /sys/fs/cgroup/batch/job_1/step_XXXXXX)
here=$STEP
if [ "$1" = main ]; then
  shift
  here=$STEP/main
  mkdir $here && echo "+cpu +io +memory +pids" >$STEP/cgroup.subtree_control
fi
for directory in $STEP $here; do chmod 755 $directory; chown tester $directory $directory/cgroup.{procs,subtree_control,threads}; done
echo $$ >$here/cgroup.procs
exec setpriv --reuid tester --regid tester --init-groups env -i PATH=/wolffia/build/bin:/usr/bin:/bin HOME=/home/tester XDG_RUNTIME_DIR=/tmp/job STEP=$STEP \
  bash -c ". /wolffia/source/tests/vm/inside.sh; cd; $1"
S
    chmod 755 /usr/local/bin/step && install -d -m 700 -o tester /tmp/job && mkdir -p /sys/fs/cgroup/batch/job_1 &&
    for above in /sys/fs/cgroup /sys/fs/cgroup/batch /sys/fs/cgroup/batch/job_1; do echo "+cpu +io +memory +pids" >$above/cgroup.subtree_control || exit; done
    echo 192M >/sys/fs/cgroup/batch/job_1/memory.max; echo 0 >/sys/fs/cgroup/batch/job_1/memory.swap.max'
  vm 'wolffia run --rm busybox true; mkdir -p .config/wolffia moving/wolffia; printf "[cgroups]\nmove_own = true\n" >moving/wolffia/wolffia.toml'
}
step() { vm_root "step $(printf '%q ' "$@")"; }
teardown() { [ -n "$VM_SKIP" ] || step 'wolffia rm -af -t 0 >/dev/null'; }

@test "beside the step's own processes no limit can hold; containers run, and stay in the job" {
  run step 'wolffia run --rm --memory 32m busybox true'
  assert_status 125
  assert_output_has "has processes of its own"
  assert_output_has "cgroups.move_own = true"
  run step 'wolffia run -d --name plain busybox sleep 1000 >/dev/null; [[ $(cgroup plain) = $STEP/wolffia-*/payload ]]; echo $?'
  assert_output_is 0
}

@test "cgroups.move_own: they are moved aside, limits hold, and nothing else stays" {
  run step 'export XDG_CONFIG_HOME=~/moving; wolffia run --name hog --memory 32m busybox tail /dev/zero; echo $?
    wolffia inspect -f "{{.State.OOMKilled}}" hog; [ /sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup) = $STEP/wolffia-others ]; echo $?
    wolffia run --rm --pids-limit 20 --cpus 0.5 busybox sh -c "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max"
    wolffia rm hog; cd $STEP && ls -d */'
  assert_output_is $'137\ntrue\n0\n20\n50000 100000\nhog\nwolffia-others/'
}

@test "what containers use is the job's, and the job's limits are theirs" {
  run step 'wolffia run -d --name holds busybox sh -c "head -c 64m /dev/zero | tail -n 1 | { sleep 1000; }" >/dev/null
    full() { [ "$(cat /sys/fs/cgroup/batch/job_1/memory.current)" -ge 67108864 ]; }; eventually full; wolffia rm -f -t 0 holds'
  assert_output_is holds
  run step 'export XDG_CONFIG_HOME=~/moving; wolffia run --rm --memory 1g busybox sh -c "set -o pipefail; head -c 400m /dev/zero | tail -n 1 | wc -c"; echo $?'
  assert_output_has 137
  run vm_root "number $JOB/memory.events oom_kill"
  [ "$output" -ge 1 ]
}

@test "--cgroup-parent: a cgroup of the user's without processes; update, pause, stats and exec there" {
  run step main 'wolffia run -d --name kept --cgroup-parent ${STEP#/sys/fs/cgroup} --pids-limit 20 --security-opt unmask=/sys/fs/cgroup busybox \
      sh -c "mkdir -p /sys/fs/cgroup/a/b; exec sleep 1000" >/dev/null || exit
    [[ $(cgroup kept) = $STEP/wolffia-*/payload ]]; echo $?
    wolffia update --pids-limit 12 kept >/dev/null; cat $(cgroup kept)/pids.max
    wolffia pause kept >/dev/null; number $(cgroup kept)/cgroup.events frozen; wolffia unpause kept >/dev/null
    wolffia stats --no-stream --format "{{.PIDs}}" kept; wolffia exec kept echo inside
    eventually test -d $(cgroup kept)/a/b; wolffia rm -f -t 0 kept; ls $STEP | grep wolffia'
  assert_output_is $'0\n12\n1\n1\ninside\nkept'
}
