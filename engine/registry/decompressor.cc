#include "engine/registry/decompressor.h"

#include <isa-l/igzip_lib.h>
#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_getFrameHeader; the library is linked dynamically all the same
#include <zstd.h>

#include <string>
#include <vector>

namespace wolffia {

struct Decompressor::Format {
  virtual ~Format() = default;
  virtual Result<> Push(std::string_view bytes) = 0;
  virtual Result<> Finish() = 0;
};

namespace {

constexpr size_t kOutputBytes = 64 << 10;
constexpr size_t kMagicBytes = 4;
constexpr uint64_t kMaxWindow = uint64_t{128} << 20;
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

// 0x184D2A50..5F, little-endian: a skippable frame, which may stand before the first real one.
bool IsSkippableFrame(std::string_view bytes) {
  return bytes.size() >= 4 && (static_cast<uint8_t>(bytes[0]) & 0xf0) == 0x50 &&
         bytes.substr(1, 3) == "\x2a\x4d\x18";
}

class Plain : public Decompressor::Format {
 public:
  explicit Plain(const Decompressor::Sink& sink) : sink_(sink) {}
  Result<> Push(std::string_view bytes) override { return sink_(bytes); }
  Result<> Finish() override { return {}; }

 private:
  const Decompressor::Sink& sink_;
};

class Gzip : public Decompressor::Format {
 public:
  explicit Gzip(const Decompressor::Sink& sink) : sink_(sink), output_(kOutputBytes) {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
  }

  Result<> Push(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (state_.block_state == ISAL_BLOCK_FINISH) NextMember();
      size_t step = std::min<size_t>(bytes.size(), 1 << 30);
      state_.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
      state_.avail_in = static_cast<uint32_t>(step);
      TRY(Inflate());
      bytes.remove_prefix(step - state_.avail_in);
      in_member_ = state_.block_state != ISAL_BLOCK_FINISH;
    }
    return {};
  }

  Result<> Finish() override {
    if (in_member_) return Fail(Code::kCorrupt, "the gzip data is truncated");
    return {};
  }

 private:
  void NextMember() {
    isal_inflate_reset(&state_);
    state_.crc_flag = ISAL_GZIP;
  }

  // Until the input is used up or the member ends.
  Result<> Inflate() {
    do {
      state_.next_out = output_.data();
      state_.avail_out = static_cast<uint32_t>(output_.size());
      int code = isal_inflate(&state_);
      if (code < 0 || code == ISAL_NEED_DICT)
        return Fail(Code::kCorrupt, code == ISAL_INCORRECT_CHECKSUM ? "the gzip data has a wrong checksum"
                                    : code == ISAL_INVALID_WRAPPER || code == ISAL_UNSUPPORTED_METHOD
                                        ? "the gzip data has a malformed header, or bytes after its end"
                                        : "the gzip data is malformed (error " + std::to_string(code) + ")");
      size_t produced = output_.size() - state_.avail_out;
      if (produced > 0) TRY(sink_({reinterpret_cast<char*>(output_.data()), produced}));
    } while (state_.block_state != ISAL_BLOCK_FINISH && (state_.avail_in > 0 || state_.avail_out == 0));
    return {};
  }

  const Decompressor::Sink& sink_;
  inflate_state state_;
  std::vector<uint8_t> output_;
  bool in_member_ = true;
};

class Zstd : public Decompressor::Format {
 public:
  Zstd(const Decompressor::Sink& sink, WindowBudget& budget, const Cancel& cancel)
      : sink_(sink), budget_(budget), cancel_(cancel), output_(kOutputBytes) {}
  ~Zstd() override { FreeContext(); }

  Result<> Push(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (!in_frame_) {
        if (!TRY(ReadHeader(bytes))) return {};
        // The header's bytes were collected apart from the rest.
        std::string header = std::exchange(header_, "");
        in_frame_ = true;
        std::string_view rest = header;
        TRY(Decode(rest));
        if (!rest.empty()) return Fail(Code::kCorrupt, "the zstd data is malformed");
        continue;
      }
      TRY(Decode(bytes));
    }
    return {};
  }

  Result<> Finish() override {
    if (in_frame_ || !header_.empty()) return Fail(Code::kCorrupt, "the zstd data is truncated");
    return {};
  }

 private:
  void FreeContext() {
    ZSTD_freeDCtx(std::exchange(context_, nullptr));
    budget_.Return(std::exchange(window_, 0));
  }

  // Collects the frame's header byte by byte until its window is known. False if more bytes are needed.
  Result<bool> ReadHeader(std::string_view& bytes) {
    for (;;) {
      ZSTD_frameHeader frame;
      size_t need = ZSTD_getFrameHeader(&frame, header_.data(), header_.size());
      if (ZSTD_isError(need))
        return Fail(Code::kCorrupt, "the zstd data has a malformed header, or bytes after its end");
      if (need == 0) {
        TRY(Reserve(frame.frameType == ZSTD_skippableFrame ? 0 : frame.windowSize));
        return true;
      }
      if (bytes.empty()) return false;
      size_t take = std::min(need - header_.size(), bytes.size());
      header_ += bytes.substr(0, take);
      bytes.remove_prefix(take);
    }
  }

  // The library allocates the window of the first frame and grows it; never more than what was taken of the
  // budget.
  Result<> Reserve(uint64_t window) {
    if (window > kMaxWindow)
      return Fail(Code::kUnsupported,
                  "the zstd data needs a window of " + std::to_string(window >> 20) +
                      " MiB (at most 128 are allowed): compress the layer again without --long");
    if (context_ != nullptr && window <= window_) return {};
    FreeContext();  // what is held while waiting for more could stop another decoder for ever
    if (!budget_.Take(window, cancel_)) return Fail(Code::kBusy, "cancelled");
    window_ = window;
    context_ = ZSTD_createDCtx();
    if (context_ == nullptr) return Fail(Code::kNoSpace, "not enough memory for zstd", ENOMEM);
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, 27);
    return {};
  }

  // Up to the end of the frame or of the bytes.
  Result<> Decode(std::string_view& bytes) {
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    ZSTD_outBuffer out;
    size_t left;
    do {
      out = {output_.data(), output_.size(), 0};
      left = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(left))
        return Fail(Code::kCorrupt,
                    std::string("the zstd data is malformed (") + ZSTD_getErrorName(left) + ")");
      if (out.pos > 0) TRY(sink_({output_.data(), out.pos}));
    } while (left != 0 && (in.pos < in.size || out.pos == out.size));
    bytes.remove_prefix(in.pos);
    in_frame_ = left != 0;
    return {};
  }

  const Decompressor::Sink& sink_;
  WindowBudget& budget_;
  const Cancel& cancel_;
  ZSTD_DCtx* context_ = nullptr;
  uint64_t window_ = 0;
  std::string header_;
  bool in_frame_ = false;
  std::vector<char> output_;
};

}  // namespace

bool WindowBudget::Take(uint64_t bytes, const Cancel& cancel) {
  std::unique_lock lock(mutex_);
  // The cancellation has no link to this condition: looked at from time to time.
  while (used_ > 0 && used_ + bytes > total_) {
    if (cancel.IsSet()) return false;
    returned_.wait_for(lock, std::chrono::milliseconds(200));
  }
  used_ += bytes;
  return true;
}

void WindowBudget::Return(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  used_ -= bytes;
  returned_.notify_all();
}

Decompressor::Decompressor(Sink sink, WindowBudget& budget, const Cancel& cancel)
    : sink_(std::move(sink)), budget_(budget), cancel_(cancel) {}
Decompressor::~Decompressor() = default;

Result<> Decompressor::Choose() {
  if (magic_.starts_with(kGzipMagic))
    format_ = std::make_unique<Gzip>(sink_);
  else if (magic_.starts_with(kZstdMagic) || IsSkippableFrame(magic_))
    format_ = std::make_unique<Zstd>(sink_, budget_, cancel_);
  else
    format_ = std::make_unique<Plain>(sink_);
  std::string first = std::exchange(magic_, "");
  return first.empty() ? Result<>{} : format_->Push(first);
}

Result<> Decompressor::Push(std::string_view bytes) {
  if (!format_) {
    size_t take = std::min(kMagicBytes - magic_.size(), bytes.size());
    magic_ += bytes.substr(0, take);
    bytes.remove_prefix(take);
    if (magic_.size() < kMagicBytes) return {};
    TRY(Choose());
  }
  return bytes.empty() ? Result<>{} : format_->Push(bytes);
}

Result<> Decompressor::Finish() {
  if (!format_) TRY(Choose());
  return format_->Finish();
}

}  // namespace wolffia
