#include "storage/volume_record.h"

#include "storage/record_json.h"

namespace wolffia {

std::string SerializeVolume(const VolumeRecord& r) {
  return DumpRecord({{"name", r.name},
                     {"driver", r.driver},
                     {"created_ns", r.created_ns},
                     {"labels", r.labels},
                     {"options", r.options},
                     {"anonymous", r.anonymous},
                     {"filled", r.filled}});
}

Result<VolumeRecord> ParseVolume(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  VolumeRecord r;
  r.name = TRY(StringMember(document, "name", where));
  r.driver = TRY(StringMember(document, "driver", where));
  r.created_ns = TRY(IntMember(document, "created_ns", where));
  r.labels = TRY(StringMapMember(document, "labels", where));
  r.options = TRY(StringMapMember(document, "options", where));
  r.anonymous = TRY(BoolMember(document, "anonymous", where));
  r.filled = TRY(BoolMember(document, "filled", where));
  TRY_WITH(CheckVolumeName(r.name), where);
  return r;
}

}  // namespace wolffia
