#include "storage/image_record.h"

#include "storage/record_json.h"

namespace wolffia {
namespace {

constexpr size_t kMaxRecordBytes = 1 << 20;
constexpr size_t kMaxFileName = 255;

bool IsPlain(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return !first && (c == '.' || c == '-' || c == '_' || c == ':' || c == '@');
}

Json ToJson(const ImageVerdict& v) {
  return {{"source", v.source},
          {"rules", v.rules},
          {"keys", v.keys},
          {"signatures", DigestText(v.signatures)},
          {"checked_ns", v.checked_ns}};
}

// Missing in the records of images that were made on this host.
Result<ImageVerdict> VerdictMember(const Json& document, const std::string& where) {
  ImageVerdict v;
  const Json* object = TRY(ObjectMember(document, "verdict", where));
  if (object == nullptr) return v;
  v.source = TRY(StringMember(*object, "source", where + ".verdict"));
  v.rules = TRY(StringsMember(*object, "rules", where + ".verdict"));
  v.keys = TRY(StringsMember(*object, "keys", where + ".verdict"));
  v.signatures = TRY(DigestMember(*object, "signatures", where + ".verdict"));
  v.checked_ns = TRY(IntMember(*object, "checked_ns", where + ".verdict"));
  return v;
}

}  // namespace

Result<std::string> ImageFileName(std::string_view image_name) {
  if (image_name.find('/') == std::string_view::npos)
    return Fail(Code::kInvalid, "an image cannot be stored as '" + std::string(image_name) +
                                    "': its full name has a registry and a '/'");
  std::string encoded;
  for (char c : image_name) {
    if (IsPlain(c, encoded.empty())) {
      encoded += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    encoded += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
  }
  encoded += ".json";
  if (encoded.size() > kMaxFileName)
    return Fail(Code::kInvalid, "the image name " + std::string(image_name) +
                                    " is too long to be stored: at most " + std::to_string(kMaxFileName - 5) +
                                    " bytes, where a '/' counts as three");
  return encoded;
}

std::string NamelessFileName(const Digest& config) {
  return config.hex() + ".json";
}

std::string SerializeImage(const ImageRecord& r) {
  Json record = {{"name", r.name},
                 {"manifest", DigestText(r.manifest)},
                 {"index", DigestText(r.index)},
                 {"config", DigestText(r.config)},
                 {"chain", DigestText(r.chain)},
                 {"diff_ids", ToJson(r.diff_ids)},
                 {"size", r.size},
                 {"created_ns", r.created_ns},
                 {"pulled_ns", r.pulled_ns},
                 {"platform", ToJson(r.platform)}};
  if (!r.verdict.source.empty()) record["verdict"] = ToJson(r.verdict);
  return DumpRecord(record);
}

Result<ImageRecord> ParseImage(std::string_view json, std::string_view where) {
  Json document = TRY(ParseRecord(json, where));
  ImageRecord r;
  r.name = TRY(StringMember(document, "name", where));
  r.manifest = TRY(DigestMember(document, "manifest", where));
  r.index = TRY(DigestMember(document, "index", where));
  r.config = TRY(DigestMember(document, "config", where));
  r.chain = TRY(DigestMember(document, "chain", where));
  r.diff_ids = TRY(DigestsMember(document, "diff_ids", where));
  r.size = TRY(IntMember(document, "size", where));
  r.created_ns = TRY(IntMember(document, "created_ns", where));
  r.pulled_ns = TRY(IntMember(document, "pulled_ns", where));
  r.platform = TRY(PlatformMember(document, "platform", where));
  r.verdict = TRY(VerdictMember(document, std::string(where)));
  if (r.config.empty()) return Fail(Code::kInvalid, std::string(where) + ": it names no image configuration");
  if (r.chain.empty() != r.diff_ids.empty())
    return Fail(Code::kInvalid, std::string(where) + ": its chain does not fit its layers");
  return r;
}

Result<ImageRecord> ReadImageFile(const Store& store, const std::string& file_name) {
  std::string path = "images/" + file_name;
  std::string json = TRY(ReadFileAt(store.root(), path, kMaxRecordBytes));
  ImageRecord record = TRY(ParseImage(json, path));
  std::string expected = NamelessFileName(record.config);
  if (!record.name.empty()) expected = TRY_WITH(ImageFileName(record.name), path);
  if (expected != file_name)
    return Fail(Code::kInvalid, path + ": it holds the record of another image name");
  return record;
}

}  // namespace wolffia
