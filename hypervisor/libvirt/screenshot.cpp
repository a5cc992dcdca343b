#include "hypervisor/libvirt/screenshot.hpp"

#include <fmt/format.h>
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <vector>

#include "base/units.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"

// jpeglib.h needs cstdio before it.
#include <jpeglib.h>

namespace kiln::hypervisor {

namespace {

constexpr Bytes largest_picture = Bytes::mebibytes(64);
constexpr int jpeg_quality = 90;

struct Picture {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<unsigned char> rgb;
};

std::string receive_all(virStreamPtr stream, const std::string& domain) {
    std::string content;
    std::vector<char> buffer(std::size_t{256} * 1024);
    while (content.size() <= largest_picture.value) {
        const int count = virStreamRecv(stream, buffer.data(), buffer.size());
        if (count < 0) break;
        if (count == 0) {
            virStreamFinish(stream);
            return content;
        }
        content.append(buffer.data(), static_cast<std::size_t>(count));
    }
    const Error error =
        last_libvirt_error(fmt::format("receive the screenshot of '{}'", domain), domain);
    virStreamAbort(stream);
    throw error;
}

[[noreturn]] void throw_bad_png(const char* cause) {
    throw Error(error_code::internal_error, "",
                fmt::format("cannot read the screenshot: {}", cause));
}

Picture decode_png(const std::string& png) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_memory(&image, png.data(), png.size()) == 0) {
        throw_bad_png(static_cast<const char*>(image.message));
    }
    const std::unique_ptr<png_image, Deleter<png_image_free>> owned(&image);
    image.format = PNG_FORMAT_RGB;
    if (PNG_IMAGE_SIZE(image) > largest_picture.value) throw_bad_png("it is too large");
    Picture picture{image.width, image.height, std::vector<unsigned char>(PNG_IMAGE_SIZE(image))};
    if (png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr) == 0) {
        throw_bad_png(static_cast<const char*>(image.message));
    }
    return picture;
}

/// libjpeg wants its error function not to return, and C++ exceptions must not cross it.
struct JpegErrors {
    jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is a pointer to this
    std::jmp_buf failed;
};

[[noreturn]] void leave_libjpeg(j_common_ptr state) {
    std::longjmp(reinterpret_cast<JpegErrors*>(state->err)->failed, 1);
}

void discard_message(j_common_ptr /*state*/) {}

/// Only plain C objects live here, because longjmp skips destructors. False when libjpeg failed.
bool encode_jpeg(const Picture& picture, unsigned char** jpeg, unsigned long* size) {
    jpeg_compress_struct state;
    JpegErrors errors;
    state.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = leave_libjpeg;
    errors.base.output_message = discard_message;
    jpeg_create_compress(&state);
    if (setjmp(errors.failed) != 0) {
        jpeg_destroy_compress(&state);
        return false;
    }
    jpeg_mem_dest(&state, jpeg, size);
    state.image_width = picture.width;
    state.image_height = picture.height;
    state.input_components = 3;
    state.in_color_space = JCS_RGB;
    jpeg_set_defaults(&state);
    jpeg_set_quality(&state, jpeg_quality, TRUE);
    jpeg_start_compress(&state, TRUE);
    while (state.next_scanline < state.image_height) {
        auto* row = const_cast<unsigned char*>(picture.rgb.data()) +
                    std::size_t{state.next_scanline} * picture.width * 3;
        jpeg_write_scanlines(&state, &row, 1);
    }
    jpeg_finish_compress(&state);
    jpeg_destroy_compress(&state);
    return true;
}

}  // namespace

std::string screen_png(virConnectPtr connection, virDomainPtr domain) {
    const std::string name = virDomainGetName(domain);
    const StreamPtr stream(virStreamNew(connection, 0));
    if (!stream) throw last_libvirt_error("make a stream", name);
    const TextPtr type(virDomainScreenshot(domain, stream.get(), 0, 0));
    if (!type) throw last_libvirt_error(fmt::format("take a screenshot of '{}'", name), name);
    return receive_all(stream.get(), name);
}

std::string jpeg_from_png(const std::string& png) {
    const Picture picture = decode_png(png);
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    const bool encoded = encode_jpeg(picture, &bytes, &size);
    const std::unique_ptr<unsigned char, Deleter<std::free>> owned(bytes);
    if (!encoded) {
        throw Error(error_code::internal_error, "", "cannot write the screenshot as JPEG");
    }
    return std::string(bytes, bytes + size);
}

}  // namespace kiln::hypervisor
