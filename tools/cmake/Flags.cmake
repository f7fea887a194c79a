# SPDX-License-Identifier: Apache-2.0
# Flags.cmake: how everything is compiled and linked.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Optimised, with line tables for crash reports and profilers. NDEBUG is left out on purpose: an assert is how we
# learn of our own mistakes, in the field too.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

# The standard headers that nearly every file includes are parsed once: a third less compile time. Sanitizer builds go
# without, so a header that forgot an include is found there.
option(MESHD_PCH "Precompile the common standard headers" ON)

find_program(CCACHE ccache)
if(CCACHE)
  # A precompiled header is only cacheable when neither its time nor its macros count.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_compile_options(
  -fno-plt -fstack-protector-strong -fstack-clash-protection -ffunction-sections -fdata-sections
  -fno-omit-frame-pointer
  # No path of the build machine ends up in the binary.
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
add_compile_definitions($<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX_ASSERTIONS>)
add_link_options(-fuse-ld=lld -Wl,--gc-sections)

# Warnings are for our own code; vendored C sources are compiled with -w.
set(meshd_warnings -Wall -Wextra -Werror -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wundef -Wvla -Wcast-qual -Wno-missing-field-initializers -Wno-missing-designated-field-initializers)

if(MESHD_SANITIZE STREQUAL "")
  add_compile_options(-fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  # -static-pie: one file, no loader, still at a random address. relro and now: no writable function pointers.
  set(meshd_static_link -static-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
elseif(MESHD_SANITIZE STREQUAL "address")
  set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=undefined)
elseif(MESHD_SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread)
elseif(MESHD_SANITIZE STREQUAL "fuzzer")
  set(sanitizers -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined)
else()
  message(FATAL_ERROR "MESHD_SANITIZE=${MESHD_SANITIZE}: use address, thread, fuzzer or nothing")
endif()
if(MESHD_SANITIZE)
  # Sanitizers refuse -static; third-party archives stay static, the C library becomes dynamic.
  add_compile_options(-fPIE ${sanitizers} -O1)
  add_link_options(-pie ${sanitizers})
endif()

if(MESHD_PCH AND NOT MESHD_SANITIZE)
  file(WRITE ${CMAKE_BINARY_DIR}/meshd_pch.cc "")
  add_library(meshd_pch OBJECT ${CMAKE_BINARY_DIR}/meshd_pch.cc)
  target_precompile_headers(meshd_pch PRIVATE <chrono> <coroutine> <cstdint> <expected> <functional> <memory> <optional>
    <span> <string> <string_view> <unordered_map> <vector>)
  target_compile_options(meshd_pch PRIVATE -Xclang -fno-pch-timestamp)
endif()

# meshd_use_pch(<target> <header...>): with headers, a precompiled header of its own.
function(meshd_use_pch target)
  if(TARGET meshd_pch)
    if(ARGN)
      target_precompile_headers(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${ARGN}>)
    else()
      target_precompile_headers(${target} REUSE_FROM meshd_pch)
    endif()
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>)
  endif()
endfunction()
