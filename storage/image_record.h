// An image record as a file: its name in images/ and its bytes.
#pragma once

#include <string>
#include <string_view>

#include "storage/image_store.h"

namespace wolffia {

// File name for an image's name: what could mean something in a file name is percent-encoded. kInvalid if it
// gets longer than file names may be.
Result<std::string> ImageFileName(std::string_view image_name);
// Of a nameless record: the image's id, which no encoded name can be (names have a slash).
std::string NamelessFileName(const Digest& config);

std::string SerializeImage(const ImageRecord& record);
Result<ImageRecord> ParseImage(std::string_view json, std::string_view where);
// The file of that name in images/; kInvalid too where file name and content contradict each other.
Result<ImageRecord> ReadImageFile(const Store& store, const std::string& file_name);

}  // namespace wolffia
