#!/bin/bash
# everyday.sh PROGRAM [IMAGE]: an everyday session without builds, the same with podman and wolffia, word for word.
#
# Every step says what it expects: text (by shell pattern) and exit code. IMAGE is a busybox. It has no network but its own
# loopback, so the web server is asked from inside. Leaves nothing behind where all goes well.
set -u
docker=${1:?the program: podman or wolffia}
image=${2:-busybox}
work=$(mktemp -d)
failures=0
trap 'rm -rf "$work"' EXIT

# step NAME CODE PATTERN COMMAND...: its output, both streams, must match the pattern as a whole.
step() {
  local name=$1 code=$2 pattern=$3 output status
  shift 3
  [ "$(type -t "$1")" = function ] || set -- timeout 60 "$@"
  output=$("$@" 2>&1 </dev/null)
  status=$?
  if [ "$status" = "$code" ] && [[ "$output" == $pattern ]]; then
    echo "ok - $name"
  else
    echo "not ok - $name: exit $status, expected $code; expected '$pattern', got:"
    printf '%s\n' "$output" | sed 's/^/    /'
    failures=$((failures + 1))
  fi
}
# shell COMMAND...: a pipeline as one command, with $docker, $image and $work.
shell() { docker=$docker image=$image work=$work timeout 60 bash -o pipefail -c "$1"; }
# wait_for FILE PATTERN: until a line of the file has it.
wait_for() {
  local i
  for i in $(seq 600); do
    grep -q "$2" "$1" && return
    sleep 0.05
  done
  echo "no $2 in $1"
  return 1
}
hex='[0-9a-f]'
id="$hex$hex$hex$hex$hex$hex$hex$hex$hex$hex$hex$hex*"

# A container for one command.
step "run" 0 hello $docker run --rm --network none $image echo hello
step "its exit code" 7 "" $docker run --rm --network none $image sh -c 'exit 7'
step "a command that is missing" 127 "*no-such-command*" $docker run --rm --network none $image no-such-command
step "a pipe through it" 0 "3" shell 'printf "a\nb\nc\n" | $docker run --rm -i --network none $image wc -l'

# A web server in the background, with a volume, labels and variables; its page comes by cp.
step "volume create" 0 everyday-data $docker volume create --label use=test everyday-data
step "run -d" 0 "$id" $docker run -d --name everyday --network none --label a=duckweed -e GREETING=hello \
  -v everyday-data:/data -w /data --stop-timeout 3 $image \
  sh -c 'mkdir -p /www; trap "exit 0" TERM; httpd -f -vv -p 127.0.0.1:8080 -h /www & wait'
step "it has begun" 0 "*httpd*" shell 'for i in $(seq 300); do $docker exec everyday pidof httpd && break; sleep 0.1; done;
  $docker exec everyday ps'
echo "<h1>pond</h1>" >"$work/index.html"
step "cp in" 0 "" $docker cp "$work/index.html" everyday:/www/index.html
step "it listens" 0 "" shell 'for i in $(seq 300); do $docker exec everyday grep -qhi ":1f90 0" /proc/net/tcp /proc/net/tcp6 &&
  exit; sleep 0.1; done; exit 1'
step "exec: the page" 0 "<h1>pond</h1>" $docker exec everyday wget -qO- http://127.0.0.1:8080/
step "exec: a page that is missing" 1 "*404*" $docker exec everyday wget -qO- http://127.0.0.1:8080/none

# What it says, while it says it.
timeout 60 $docker logs -f everyday >"$work/follow" 2>&1 &
follower=$!
step "exec: again" 0 "<h1>pond</h1>" $docker exec everyday wget -qO- http://127.0.0.1:8080/index.html
step "logs -f" 0 "" wait_for "$work/follow" "response:200"
step "logs --tail" 0 "*" $docker logs --tail 1 everyday
step "logs: both pages" 0 2 shell '$docker logs everyday 2>&1 | grep -c response:200'

# exec: user, directory, variables, standard input, exit codes.
step "exec -u" 0 "1000:1000" $docker exec -u 1000:1000 everyday sh -c 'echo $(id -u):$(id -g)'
step "exec -w" 0 /data $docker exec -w /data everyday pwd
step "exec -e" 0 "hello x" $docker exec -e MORE=x everyday sh -c 'echo $GREETING $MORE'
step "exec -i" 0 5 shell 'printf 12345 | $docker exec -i everyday wc -c'
step "exec: exit code" 9 "" $docker exec everyday sh -c 'exit 9'
step "exec: missing" 127 "*no-such-command*" $docker exec everyday no-such-command
step "exec: not executable" 126 "*" $docker exec everyday /etc/passwd
step "exec -d" 0 "*" $docker exec -d everyday touch /data/made
step "exec into a volume" 0 "" $docker exec everyday sh -c 'echo kept >/data/file'

# What others see of it.
step "inspect: status, label" 0 "running duckweed" $docker inspect -f '{{.State.Status}} {{index .Config.Labels "a"}}' everyday
step "inspect: image" 0 "*busybox*" $docker inspect --format '{{.Config.Image}}' everyday
step "inspect: running" 0 "true 0 everyday" $docker inspect -f '{{.State.Running}} {{.State.ExitCode}} {{.Name}}' everyday
step "inspect: mounts" 0 "volume everyday-data /data true" \
  $docker inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}' everyday
step "inspect: environment" 0 "*GREETING=hello*" $docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' everyday
step "inspect: json" 0 '"/data"' $docker inspect -f '{{json .Config.WorkingDir}}' everyday
step "ps" 0 "everyday Up *" $docker ps --filter name=everyday --format '{{.Names}} {{.Status}}'
step "ps: no such" 0 "" $docker ps -q --filter label=a=other
step "top" 0 "*httpd*" $docker top everyday
step "rename" 0 "*" $docker rename everyday pond
step "renamed" 0 pond $docker ps --format '{{.Names}}'

# Files both ways.
step "cp out" 0 "<h1>pond</h1>" shell '$docker cp pond:/www/index.html $work/out.html && cat $work/out.html'
step "cp to a stream" 0 "*index.html*" shell '$docker cp pond:/www - | tar t'
step "cp from a stream" 0 "from a stream" shell 'cd $work && echo from a stream >piped && tar c piped | $docker cp - pond:/www &&
  $docker exec pond cat /www/piped'
step "cp of what is missing" 125 "*no-such-file*" $docker cp pond:/no-such-file "$work/x"
step "diff" 0 "*A /www/index.html*" $docker diff pond

# Its end, and its life after it.
step "rm of one that runs" 2 "*cannot be removed without force*" $docker rm pond
step "stop" 0 pond $docker stop pond
wait $follower
step "logs -f ended with it" 0 2 grep -c response:200 "$work/follow"
step "exit code" 0 "exited 0" $docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' pond
step "wait for one that has ended" 0 0 $docker wait pond
step "exec into it" 255 "*container state improper*" $docker exec pond true
step "start" 0 pond $docker start pond
step "kept in its root" 0 "<h1>pond</h1>" $docker exec pond cat /www/index.html
step "restart" 0 "$id" shell '$docker restart -t 1 pond >/dev/null && $docker ps -q --no-trunc --filter name=pond'
step "kill" 0 pond $docker kill -s KILL pond
step "wait" 0 137 $docker wait pond
step "a volume in use" 2 "*is being used*" $docker volume rm everyday-data
step "export" 0 "*www/index.html*" shell '$docker export pond | tar t'
step "import" 0 "*sha256:*" shell '$docker export pond | $docker import -c CMD=/bin/true -m pond - localhost/everyday:latest'
step "run what was imported" 0 "<h1>pond</h1>" $docker run --rm --network none localhost/everyday cat /www/index.html
step "rmi" 0 "*" $docker rmi localhost/everyday
step "rm" 0 "*" $docker rm pond

# The volume stays, and another container finds the file in it.
step "volume ls" 0 everyday-data $docker volume ls -q --filter label=use=test
step "the volume's file" 0 kept $docker run --rm --network none -v everyday-data:/mnt:ro $image cat /mnt/file
step "volume inspect" 0 "everyday-data local test" \
  $docker volume inspect -f '{{.Name}} {{.Driver}} {{index .Labels "use"}}' everyday-data
step "volume rm" 0 everyday-data $docker volume rm everyday-data
step "volume rm again" 1 "*no such volume*" $docker volume rm everyday-data

# create, start -a, names, mistakes.
step "create" 0 "$id" $docker create --name everyday-once --network none $image sh -c 'echo out; exit 3'
step "start -a" 3 out $docker start -a everyday-once
step "a name in use" 125 "*already in use*" $docker create --name everyday-once --network none $image true
step "--replace" 0 "*" $docker create --replace --name everyday-once --network none $image true
step "rm -f" 0 "*" $docker rm -f everyday-once
step "unknown: inspect" 125 "*no such*" $docker inspect everyday-none
step "unknown: start" 125 "*no such container*" $docker start everyday-none
step "unknown: logs" 125 "*no such container*" $docker logs everyday-none
step "unknown: rm" 1 "*no such container*" $docker rm everyday-none
step "unknown: exec" 125 "*no such container*" $docker exec everyday-none true
step "--rm and -d" 0 "$id" $docker run -d --rm --name everyday-gone --network none $image sleep 0.2
step "it is gone" 0 "" shell '$docker wait everyday-gone >/dev/null 2>&1; for i in $(seq 300); do
  [ -n "$($docker ps -aq --filter name=everyday-gone)" ] || exit 0; sleep 0.1; done; echo it is there'
step "several: run" 0 "*" shell 'for i in 1 2 3; do $docker run -d --name everyday-$i --network none $image sleep 100; done'
step "several: ps" 0 3 shell '$docker ps -q --filter name=everyday- | wc -l'
step "several: stop" 0 $'everyday-1\neveryday-2\neveryday-3' \
  shell '$docker stop -t 0 everyday-1 everyday-2 everyday-3 | sort'  # podman stops them at once
step "several: prune" 0 "*" $docker container prune -f
step "nothing is left" 0 "" $docker ps -aq --filter name=everyday

[ $failures = 0 ] || echo "$failures steps failed"
[ $failures = 0 ]
