// What ps, inspect, top and stats make of records and of /proc: tables, and one golden file.
#include <fstream>
#include <nlohmann/json.hpp>

#include "cmd/container_filter.h"
#include "cmd/container_row.h"
#include "cmd/container_usage.h"
#include "cmd/container_view.h"
#include "cmd/inspect.h"
#include "cmd/report.h"
#include "cmd/top_columns.h"
#include "tests/unit/store_fixture.h"

namespace wolffia {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'800'000'000 * kSecond;
const std::string kDataDir = WOLFFIA_TEST_DATA "/lists/";

ContainerStatus Status(const std::string& name, ContainerState state, Phase phase = Phase::kNone) {
  ContainerStatus status;
  status.record.id = std::string(63, 'a') + name[0];
  status.record.name = name;
  status.record.image_name = "docker.io/library/debian:12";
  status.record.image_id = *Digest::OfHex(std::string(64, '5'));
  status.record.command = {"sleep", "1000"};
  status.record.created_ns = kNow - 3600 * kSecond;
  status.state = state;
  status.phase = phase;
  if (state != ContainerState::kCreated)
    status.started = StartedRecord{7, 6, kNow - 300 * kSecond, 1, "b", 2};
  if (state == ContainerState::kExited)
    status.exited = ExitRecord{3, kNow - 60 * kSecond, "", false, false, 2, 0};
  return status;
}

const ContainerState kRunning = ContainerState::kRunning;

TEST(ContainerView, States) {
  ContainerStatus healthy = Status("h", kRunning, Phase::kRunning);
  healthy.live = LiveRecord{Phase::kRunning, HealthState{"healthy", 0, {}}, 4, 0, 0};
  ContainerStatus again = Status("r", kRunning, Phase::kRestarting);
  again.exited = ExitRecord{1, kNow - 5 * kSecond, "", false, false, 0, 0};
  struct Case {
    ContainerStatus status;
    const char* text;
    bool up, processes, ended;
    int code, restarts;
  };
  for (const Case& c : {
           Case{Status("c", ContainerState::kCreated), "Created", false, false, false, 0, 0},
           Case{Status("r", kRunning, Phase::kRunning), "Up 5 minutes", true, true, false, 0, 2},
           Case{healthy, "Up 5 minutes (healthy)", true, true, false, 0, 4},
           Case{Status("p", kRunning, Phase::kPaused), "Paused", true, true, false, 0, 2},
           Case{Status("s", kRunning, Phase::kStopping), "Stopping", true, true, false, 0, 2},
           Case{Status("i", kRunning, Phase::kInitialized), "Initialized", false, false, false, 0, 2},
           Case{again, "Restarting (1) 5 seconds ago", true, false, false, 0, 2},
           Case{Status("e", ContainerState::kExited), "Exited (3) About a minute ago", false, false, true, 3,
                2},
           Case{Status("m", ContainerState::kExited, Phase::kMounted), "Exited (3) About a minute ago", false,
                false, true, 3, 2},
           Case{Status("k", ContainerState::kCrashed), "Crashed", false, false, true, 137, 2},
       }) {
    EXPECT_EQ(StatusText(c.status, kNow), c.text);
    EXPECT_EQ(IsUp(c.status), c.up) << c.text;
    EXPECT_EQ(HasProcesses(c.status), c.processes) << c.text;
    EXPECT_EQ(HasEnded(c.status), c.ended) << c.text;
    EXPECT_EQ(ExitCodeOf(c.status), c.code) << c.text;
    EXPECT_EQ(RestartsOf(c.status), c.restarts) << c.text;
  }
}

class FilterTest : public StoreFixture {
 protected:
  // The names of those that match, in order.
  std::string Chosen(const std::vector<std::string>& filters) {
    auto filter = ContainerFilter::Parse(filters, store_, kNow);
    if (!filter) return filter.error().what;
    std::string names;
    for (const ContainerStatus& status : all_)
      if (filter->Matches(status)) names += status.record.name + " ";
    return names;
  }
  FilterTest() {
    all_ = {Status("web", kRunning, Phase::kRunning), Status("db", ContainerState::kExited),
            Status("weber", ContainerState::kCreated), Status("kill", ContainerState::kCrashed)};
    all_[0].record.labels = {{"tier", "front"}, {"x", ""}};
    all_[1].record.labels = {{"tier", "back"}};
    all_[1].record.volumes = {{"data", "/var/lib", false, {}}};
    all_[1].record.network = "host";
    all_[2].record.restart_policy = "always";
    all_[2].record.created_ns = kNow - 10 * kSecond;
    all_[3].record.restart_policy = "no";
    all_[0].live = LiveRecord{Phase::kRunning, HealthState{"unhealthy", 3, {}}, 0, 0, 0};
  }
  std::vector<ContainerStatus> all_;
};

TEST_F(FilterTest, Keys) {
  struct Case {
    std::vector<std::string> filters;
    const char* names;
  };
  for (const Case& c : {
           Case{{}, "web db weber kill "},
           Case{{"name=web"}, "web weber "},
           Case{{"name=^web$"}, "web "},
           Case{{"name=^web$", "name=db"}, "web db "},
           Case{{"name=web", "status=created"}, "weber "},
           Case{{"id=aaaa"}, "web db weber kill "},
           Case{{"id=aaab"}, ""},
           Case{{"id=a+k$"}, "kill "},
           Case{{"label=tier"}, "web db "},
           Case{{"label=tier=back"}, "db "},
           Case{{"label=tier", "label=x"}, "web "},
           Case{{"label!=tier"}, "weber kill "},
           Case{{"label!=tier=front"}, "db weber kill "},
           Case{{"status=running"}, "web "},
           Case{{"status=exited", "status=created"}, "db weber kill "},
           Case{{"status=stopped"}, "db kill "},
           Case{{"status=crashed"}, "kill "},
           Case{{"exited=3"}, "db "},
           Case{{"exited=137"}, "kill "},
           Case{{"exited=0"}, ""},
           Case{{"ancestor=debian"}, "web db weber kill "},
           Case{{"ancestor=alpine"}, ""},
           Case{{"ancestor=sha256:555555"}, "web db weber kill "},
           Case{{"until=30m"}, "web db kill "},
           Case{{"until=1799999995"}, "web db weber kill "},
           Case{{"until=2001-01-01T00:00:00Z"}, ""},
           Case{{"volume=data"}, "db "},
           Case{{"volume=data:/var/lib"}, "db "},
           Case{{"volume=data:/srv"}, ""},
           Case{{"network=host"}, "db "},
           Case{{"health=unhealthy"}, "web "},
           Case{{"health=none"}, "db weber kill "},
           Case{{"restart-policy=always"}, "weber "},
           Case{{"restart-policy=no"}, "web db kill "},
       })
    EXPECT_EQ(Chosen(c.filters), c.names) << (c.filters.empty() ? "" : c.filters[0]);
}

TEST_F(FilterTest, Malformed) {
  for (const auto& [filter, words] :
       {std::pair{"foo=bar", "foo is an invalid filter"}, std::pair{"foo", "invalid filter \"foo\""},
        std::pair{"=x", "invalid filter"},
        std::pair{"status=up", "unknown container state: up: invalid argument"},
        std::pair{"exited=x", "exited=x"}, std::pair{"exited=9999999999", "not an exit code"},
        std::pair{"name=[", "invalid filter name=["}, std::pair{"until=soon", "invalid filter until=soon"},
        std::pair{"health=fine", "health=fine"}, std::pair{"restart-policy=x", "invalid restart policy: x"},
        std::pair{"pod=x", "wolffia has no pods"}, std::pair{"before=nobody", "no such container"}})
    EXPECT_THAT(Chosen({filter}), HasSubstr(words));
  EXPECT_TRUE(ContainerFilter::Parse({"exited=1"}, store_, kNow)->names_state());
  EXPECT_FALSE(ContainerFilter::Parse({"name=x"}, store_, kNow)->names_state());
}

TEST_F(FilterTest, BeforeAndSinceAreOfContainers) {
  ImageRecord image = Must(ImportImage(store_, "h/a:1", {{{"f", "x"}}}));
  ContainerRecord record = ContainerOf(image, "middle");
  record.created_ns = kNow - 600 * kSecond;
  Must(containers_.Create(record, RuntimeSpec()));
  EXPECT_EQ(Chosen({"before=middle"}), "web db kill ");
  EXPECT_EQ(Chosen({"since=middle"}), "weber ");
}

std::string NamesBy(const std::string& key) {
  std::vector<ContainerListing> listings;
  for (const char* name : {"c", "a", "b"}) listings.push_back({Status(name, kRunning, Phase::kRunning), {}});
  listings[0].status.record.created_ns = 30;
  listings[1].status.record.created_ns = 10;
  listings[2].status.record.created_ns = 20;
  listings[0].size = ContainerSize{5, 9};
  listings[1].size = ContainerSize{7, 9};
  listings[0].status.record.command = {"zz"};
  listings[2].status.record.image_name = "alpine";
  listings[2].status.started->started_ns = 1;
  listings[1].status.phase = Phase::kPaused;
  auto sorted = SortListings(listings, key);
  if (!sorted) return sorted.error().what;
  std::string names;
  for (const ContainerListing& listing : listings) names += listing.status.record.name;
  return names;
}

TEST(ContainerRows, Sorted) {
  EXPECT_EQ(NamesBy("created"), "abc");
  EXPECT_EQ(NamesBy("names"), "abc");
  EXPECT_EQ(NamesBy("id"), "abc");
  EXPECT_EQ(NamesBy("command"), "abc");
  EXPECT_EQ(NamesBy("image"), "bac");
  EXPECT_EQ(NamesBy("runningfor"), "bac");
  EXPECT_EQ(NamesBy("size"), "bca");
  EXPECT_EQ(NamesBy("status"), "abc");
  EXPECT_THAT(NamesBy("mood"), HasSubstr("\"mood\" is not a valid value.  Choose from: \"command, created"));
}

TEST(ContainerRows, OnlyWhatATemplateNames) {
  auto fields = [](const std::string& format) {
    std::string names;
    Value row = RowOf({}, {kNow, false}, RowFields::Of(format));
    for (const auto& [name, value] : row.items()) names += name + " ";
    return names;
  };
  EXPECT_EQ(fields("{{.ID}} {{.Names}}"), "ID Names ");
  EXPECT_EQ(fields("{{.Label \"x\"}}"), "Labels ");
  EXPECT_THAT(fields("{{json .}}"), HasSubstr("RunningFor Status State Names Ports"));
  EXPECT_EQ(fields("{{json .}}"), fields("{{with $}}{{.}}{{end}}"));
  ContainerListing listing{Status("web", kRunning, Phase::kRunning), ContainerSize{12, 1'982'348}};
  Value row = RowOf(listing, {kNow, false}, RowFields::All());
  EXPECT_EQ(row["Size"], "12B (virtual 1.98MB)");
  EXPECT_EQ(row["Command"], "sleep 1000");
  listing.status.record.command = {"sleep", "10000000000\xc3\xbc\xc3\xbc"};
  EXPECT_EQ(RowOf(listing, {kNow, false}, RowFields::All())["Command"], "sleep 10000000000...");
}

// A container with everything, as `inspect` shows it.
ContainerDetails Everything() {
  ContainerDetails d;
  d.status = Status("web", kRunning, Phase::kRunning);
  ContainerRecord& r = d.status.record;
  r.command = {"/entry", "httpd", "-f"};
  r.entrypoint = {"/entry"};
  r.labels = {{"tier", "front"}};
  r.annotations = d.spec.annotations = {{"note", "1"}};
  r.tty = r.interactive = r.detached = true;
  r.stop_signal = "SIGQUIT";
  r.restart_policy = "on-failure";
  r.restart_retries = 5;
  r.log.max_size = 10'000'000;
  r.health = HealthConfig{.command = {"test -e /ok"}, .shell = true};
  r.volumes = {{"data", "/data", false, {}}};
  r.secrets = {{"token", "0123456789abcdef012345678", false, "token", 1, 2, 0400}};
  r.pid_mode = "container:" + std::string(64, 'd');
  r.create_command = {"wolffia", "run", "-dit"};
  r.ports = {"80/tcp"};
  d.status.live = LiveRecord{Phase::kRunning,
                             HealthState{"unhealthy", 3, {{kNow, kNow + kSecond, 1, "no /ok"}}}, 2, 0, 17};
  d.spec.hostname = "web";
  d.spec.process.args = {"/entry", "httpd", "-f"};
  d.spec.process.env = {"PATH=/bin"};
  d.spec.process.capabilities.bounding = {"CAP_CHOWN", "CAP_NET_ADMIN"};
  d.spec.mounts = {{"/dev/shm", "tmpfs", "shm", {"size=65536000"}}};
  d.spec.uid_mappings = {{0, 1000, 1}, {1, 100000, 65536}};
  d.mounts = {{"/data", "bind", "/s/volumes/data/data", {"rbind", "rw"}},
              {"/etc/conf", "bind", "/home/u/conf", {"rbind", "ro", "rslave"}},
              {"/scratch", "tmpfs", "tmpfs", {"size=1m"}}};
  d.image.volumes = {"/data"};
  d.image_digest = "sha256:" + std::string(64, '6');
  d.directory = "/s/containers/" + r.id;
  d.exec_ids = {std::string(64, 'e')};
  d.status.record.ports = {"443/tcp", "80/tcp"};
  d.status.record.network_config.ports = {{"127.0.0.1", 8080, 80, 1, Protocol::kTcp},
                                          {"", 5300, 53, 2, Protocol::kUdp}};
  d.runroot = "/run/user/1000/wolffia";
  d.fuse_operations = {{"lookup", 3}};
  d.size = ContainerSize{12, 1'982'348};
  return d;
}

TEST(Inspect, Golden) {
  const std::string path = kDataDir + "inspect.json", text = ToJsonText(DescribeContainer(Everything()));
  if (getenv("WOLFFIA_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  EXPECT_EQ(text, Must(ReadFile(path, 1 << 20)));
}

// Every name that podman 4.3.1 has (a container of it, its keys one a line), in the same place.
TEST(Inspect, HasAllOfPodmansFields) {
  Value ours = DescribeContainer(Everything());
  std::ifstream names(kDataDir + "podman-inspect-keys.txt");
  int count = 0;
  for (std::string path; std::getline(names, path); count++)
    EXPECT_TRUE(ours.contains(Value::json_pointer(path))) << path;
  EXPECT_GT(count, 150);
}

TEST(Inspect, TemplatesOfPodmansUsers) {
  Value ours = DescribeContainer(Everything());
  struct Case {
    const char* format;
    std::string text;
  };
  for (const Case& c : {
           Case{"{{.State.Status}} {{.State.Running}} {{.State.Pid}}", "running true 7"},
           Case{"{{.Config.Image}} {{index .Config.Labels \"tier\"}}", "docker.io/library/debian:12 front"},
           Case{"{{.State.Health.Status}} {{.State.Health.FailingStreak}}", "unhealthy 3"},
           Case{"{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}", "1 no /ok"},
           Case{"{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}",
                "on-failure:5"},
           Case{"{{range .Mounts}}{{.Type}}:{{.Destination}}:{{.RW}} {{end}}",
                "volume:/data:true bind:/etc/conf:false tmpfs:/scratch:true "},
           Case{"{{.NetworkSettings.IPAddress}}|{{len .NetworkSettings.Ports}}", "|4"},
           Case{"{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080"},
           Case{"{{range $p, $b := .HostConfig.PortBindings}}{{$p}}={{(index $b 0).HostPort}} {{end}}",
                "53/udp=5300 54/udp=5301 80/tcp=8080 "},
           Case{"{{json .Config.Entrypoint}} {{join .Config.Cmd \",\"}}", "[\"/entry\"] httpd,-f"},
           Case{"{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Size}}", "k8s-file 10MB"},
           Case{"{{range $p, $c := .Config.ExposedPorts}}{{$p}} {{end}}", "443/tcp 80/tcp "},
           Case{"{{.Config.StopSignal}} {{.RestartCount}} {{.SizeRw}}", "SIGQUIT 2 12"},
           Case{"{{if .State.Paused}}paused{{else}}{{.Path}}{{end}}", "/entry"},
           Case{"{{.GraphDriver.Data.UpperDir}}", "/s/containers/" + std::string(63, 'a') + "w/upper"},
       })
    EXPECT_EQ(Must(RenderValue(ours, c.format)), c.text + "\n") << c.format;
}

TEST(Top, ProcFiles) {
  ContainerProcess p;
  Must(ParseProcessStat(
      "12 (a) S) b) R 1 12 5 34816 -1 4194560 1 2 3 4 150 50 7 8 20 -5 1 0 1000 2322432 345 1844 1", p));
  EXPECT_EQ(p.pid, 12);
  EXPECT_EQ(p.name, "a) S) b");
  EXPECT_EQ(p.state, 'R');
  EXPECT_EQ(p.parent, 1);
  EXPECT_EQ(p.user_ticks, 150);
  EXPECT_EQ(p.children_ticks, 15);
  EXPECT_EQ(p.nice, -5);
  EXPECT_EQ(p.start_ticks, 1000);
  EXPECT_EQ(p.virtual_bytes, 2322432u);
  for (const char* bad : {"", "1", "1 (x", "1 (x) S 1 2", ")(", "() "})
    EXPECT_EQ(ParseProcessStat(bad, p).error().code, Code::kCorrupt) << bad;
  ParseProcessStatus(
      "Name:\tx\nUid:\t1000\t1001\t1\t1\nGid:\t5\t6\t6\t6\nGroups:\t6 7 \nCapEff:\t00000000000000c1\n"
      "Seccomp:\t2\nno colon\n:\nUid:\n",
      p);
  EXPECT_EQ(p.real_uid, 1000u);
  EXPECT_EQ(p.uid, 1001u);
  EXPECT_EQ(p.gid, 6u);
  EXPECT_THAT(p.groups, ElementsAre(6, 7));
  EXPECT_EQ(p.effective, 0xc1u);
  EXPECT_EQ(p.seccomp, 2);
}

TEST(Top, Columns) {
  ContainerProcess p;
  p.pid = 3;
  p.uid = 100099;
  p.gid = 1000;
  p.terminal = 136 << 8 | 1;
  p.user_ticks = 25;
  p.start_ticks = 1000;
  p.effective = 1;
  p.bounding = (uint64_t{1} << 41) - 1;
  p.arguments = {"sh", "-c", "a\tb\n\x1b[2J"};
  TopFacts facts;
  facts.uids = {{0, 1000, 1}, {1, 100000, 65536}};
  facts.gids = facts.uids;
  facts.users = {{100, "www"}};
  facts.uptime_ns = 75 * kSecond;
  facts.now_ns = kNow;
  facts.host_pids = {{3, 4711}};
  auto columns = Must(ParseTopColumns(
      {"user,pid", "hpid", "tty", "etime", "%C", "capeff,capbnd", "group", "capamb", "args"}));
  EXPECT_EQ(TopTable({p}, columns, facts),
            "USER        PID         HPID        TTY         ELAPSED     %CPU        EFFECTIVE CAPS  "
            "BOUNDING CAPS  GROUP    "
            "   AMBIENT CAPS  COMMAND\n"
            "www         3           4711        pts/1       1m5s        0.385       CHOWN           full    "
            "       0        "
            "   none          sh -c a?b??[2J\n");
  p.uid = 5;  // not mapped
  p.arguments.clear();
  p.name = "kworker";
  EXPECT_THAT(TopTable({p}, Must(ParseTopColumns({"user", "args"})), facts),
              HasSubstr("?           [kworker]"));
  EXPECT_THAT(ParseTopColumns({"pid,foo"}).error().what,
              HasSubstr("unknown descriptor: foo: there are args"));
  EXPECT_FALSE(ParseTopColumns({""}));
  EXPECT_FALSE(ParseTopColumns({"pid,"}));
  EXPECT_EQ(DefaultTopColumns().size(), 8u);
}

TEST(Top, Durations) {
  for (const auto& [ns, text] : {std::pair<int64_t, const char*>{-5, "0s"},
                                 {0, "0s"},
                                 {999, "999ns"},
                                 {1500, "1.5µs"},
                                 {172'213'649, "172.213649ms"},
                                 {kSecond, "1s"},
                                 {61 * kSecond, "1m1s"},
                                 {3600 * kSecond, "1h0m0s"},
                                 {3661 * kSecond + 500'000'000, "1h1m1.5s"}})
    EXPECT_EQ(DurationText(ns), text);
}

TEST(Stats, ProcFiles) {
  EXPECT_EQ(ProcNumber("55-66 r\nPss:                 123 kB\nPss_Anon: 5 kB\n", "Pss"), 123);
  EXPECT_EQ(ProcNumber("rchar: 1\nread_bytes: 4096\n", "read_bytes"), 4096);
  EXPECT_EQ(ProcNumber("Pss", "Pss"), 0);
  EXPECT_EQ(ProcNumber("", "Pss"), 0);
  auto bytes = NetworkBytes(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
      "    lo:     100       1    0    0    0     0          0         0      100       1\n"
      "  eth0:    2000       1    0    0    0     0          0         0     3000       1\n"
      "  eth1:5 1 0 0 0 0 0 0 7 1\n");
  EXPECT_EQ(bytes, (std::pair<int64_t, int64_t>(2005, 3007)));
  EXPECT_EQ(NetworkBytes("x: 1 2"), (std::pair<int64_t, int64_t>(0, 0)));
}

TEST(Sizes, Compact) {
  for (const auto& [bytes, three, four] : {std::tuple<int64_t, const char*, const char*>{0, "0B", "0B"},
                                           {999, "999B", "999B"},
                                           {1982348, "1.98MB", "1.982MB"},
                                           {999'600, "1MB", "999.6kB"},
                                           {999'960, "1MB", "1MB"},
                                           {142'000'000, "142MB", "142MB"}}) {
    EXPECT_EQ(CompactSize(bytes), three);
    EXPECT_EQ(CompactSize(bytes, 4), four);
  }
}

}  // namespace
}  // namespace wolffia
