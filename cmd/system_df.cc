// wolffia system df.
#include <nlohmann/json.hpp>

#include "cmd/container_size.h"
#include "cmd/disk_usage.h"
#include "cmd/dispatch.h"
#include "cmd/human.h"
#include "cmd/report.h"

namespace wolffia {
namespace {

constexpr int kDigits = 4;  // podman's, in this verb

Value TotalOf(const char* type, const UsageTotal& total) {
  int64_t percent = total.size == 0 ? 0 : (100 * total.reclaimable + total.size / 2) / total.size;
  return {{"Type", type},
          {"Total", total.count},
          {"TotalCount", total.count},
          {"Active", total.active},
          {"Size", CompactSize(total.size, kDigits)},
          {"RawSize", total.size},
          {"Reclaimable", CompactSize(total.reclaimable, kDigits) + " (" + std::to_string(percent) + "%)"},
          {"RawReclaimable", total.reclaimable}};
}

Result<std::string> Table(const std::string& format, const std::vector<Value>& rows, const Value& sample) {
  std::map<std::string, std::string, std::less<>> headings = {{"ID", "CONTAINER ID"},
                                                              {"ImageID", "IMAGE ID"}};
  return RenderReport(rows, {format, sample, headings, true});
}

Result<std::string> ImageTable(const DiskUsage& usage, int64_t now) {
  std::vector<Value> rows;
  auto row = [&](const std::string& name, const ImageUsage& image) {
    RepositoryTag parts = SplitName(name);
    const ImageRecord& record = image.group.first();
    return Value{{"Repository", parts.repository},
                 {"Tag", parts.tag},
                 {"ImageID", record.config.hex().substr(0, 12)},
                 {"Created", HumanDuration(now - record.created_ns)},
                 {"Size", CompactSize(image.size, kDigits)},
                 {"SharedSize", CompactSize(image.size - image.unique, kDigits)},
                 {"UniqueSize", CompactSize(image.unique, kDigits)},
                 {"Containers", image.containers}};
  };
  for (const ImageUsage& image : usage.images) {
    std::vector<std::string> names = image.group.Names();
    if (names.empty()) names.push_back("");
    for (const std::string& name : names) rows.push_back(row(name, image));
  }
  return Table(
      "table "
      "{{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t"
      "{{.Containers}}",
      rows, row("", {ImageGroup{{ImageRecord{}}}, 0, 0, 0}));
}

Result<std::string> ContainerTable(const DiskUsage& usage, int64_t now) {
  std::vector<Value> rows;
  auto row = [&](const ContainerUsageOnDisk& container) {
    const ContainerRecord& record = container.status.record;
    std::string command;
    for (const std::string& word : record.command) command += (command.empty() ? "" : " ") + word;
    return Value{{"ID", record.id.substr(0, 12)},
                 {"Image", record.rootfs.empty() ? record.image_id.hex().substr(0, 12) : record.rootfs},
                 {"Command", command},
                 {"LocalVolumes", container.volumes},
                 {"Size", CompactSize(container.size, kDigits)},
                 {"Created", HumanDuration(now - record.created_ns)},
                 {"Status", std::string(StateName(container.status))},
                 {"Names", record.name}};
  };
  for (const ContainerUsageOnDisk& container : usage.containers) rows.push_back(row(container));
  return Table(
      "table "
      "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.Created}}\t{{.Status}}\t{{.Names}"
      "}",
      rows, row({}));
}

Result<std::string> VolumeTable(const DiskUsage& usage) {
  std::vector<Value> rows;
  auto row = [](const VolumeUsage& volume) {
    return Value{{"VolumeName", volume.record.name},
                 {"Links", volume.users},
                 {"Size", CompactSize(volume.size, kDigits)}};
  };
  for (const VolumeUsage& volume : usage.volumes) rows.push_back(row(volume));
  return Table("table {{.VolumeName}}\t{{.Links}}\t{{.Size}}", rows, row({}));
}

}  // namespace

Result<int> SystemDfVerb(const Command& command) {
  const bool verbose = command.options().Bool("verbose");
  std::string format = command.options().String("format");
  if (verbose && !format.empty()) return Fail(Code::kInvalid, "cannot combine --format and --verbose flags");
  Session session = TRY(OpenSession(command, Registries::kSkip));
  DiskUsage usage = TRY(DiskUsage::Measure(command.context, session.store));
  int64_t now = command.context.now();
  if (verbose) {
    std::string images = TRY(ImageTable(usage, now)), containers = TRY(ContainerTable(usage, now));
    Print("Images space usage:\n\n" + images + "\nContainers space usage:\n\n" + containers +
          "\nLocal Volumes space usage:\n\n" + TRY(VolumeTable(usage)));
    return 0;
  }
  std::vector<Value> rows = {TotalOf("Images", usage.image_total),
                             TotalOf("Containers", usage.container_total),
                             TotalOf("Local Volumes", usage.volume_total)};
  if (format == "json") {
    Print(ToJsonText(Value(rows)));
    return 0;
  }
  if (format.empty() || format == "table")
    format = "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";
  Print(TRY(RenderReport(rows, {format, rows[0], {}, true})));
  return 0;
}

}  // namespace wolffia
