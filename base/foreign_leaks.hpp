#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KILN_FINDS_LEAKS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define KILN_FINDS_LEAKS 1
#endif

#ifdef KILN_FINDS_LEAKS
#include <sanitizer/lsan_interface.h>
#endif

namespace kiln {

/// While one is there, what its thread allocates is nobody's leak: for calls of libraries that lose
/// memory of their own, of which the sanitizer would report only that some function has allocated
/// it.
class [[maybe_unused]] ForeignLeaks {
  public:
#ifdef KILN_FINDS_LEAKS
    ForeignLeaks() {
        __lsan_disable();
    }
    ~ForeignLeaks() {
        __lsan_enable();
    }
#else
    ForeignLeaks() = default;
    ~ForeignLeaks() = default;
#endif
    ForeignLeaks(const ForeignLeaks&) = delete;
    ForeignLeaks& operator=(const ForeignLeaks&) = delete;
};

}  // namespace kiln
