# SPDX-License-Identifier: Apache-2.0
# ThirdParty.cmake: one dep_<name> target per C library, always its static archive.

# meshd_dep(<name> <header> <archives...>): <header> proves the development package is there; `a|b` is whichever exists.
function(meshd_dep name header)
  find_path(${name}_include ${header} REQUIRED PATHS ${MESHD_DEPS}/include)
  add_library(dep_${name} INTERFACE)
  foreach(archive IN LISTS ARGN)
    string(REPLACE "|" ";" names ${archive})
    list(GET names 0 first)
    find_library(${name}_${first} NAMES ${names} REQUIRED PATHS ${MESHD_DEPS}/lib)
    target_link_libraries(dep_${name} INTERFACE ${${name}_${first}})
  endforeach()
  # /usr/include is searched anyway and must not move to the front.
  if(NOT ${name}_include STREQUAL "/usr/include")
    target_include_directories(dep_${name} SYSTEM INTERFACE ${${name}_include})
  endif()
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

meshd_dep(uv       uv.h              libuv_a.a|libuv.a)
meshd_dep(picojson picojson.h)
meshd_dep(fyaml    libfyaml.h        libfyaml.a)
meshd_dep(cares    ares.h            libcares.a)
meshd_dep(sqlite   sqlite3.h         libsqlite3.a)
meshd_dep(nghttp2  nghttp2/nghttp2.h libnghttp2.a)
meshd_dep(zlib     zlib.h            libz.a)
meshd_dep(re2      re2/re2.h         libre2.a)
meshd_dep(cli11    CLI/CLI.hpp)
meshd_dep(mbedtls  mbedtls/ssl.h     libmeshd_mbedtls.a)
meshd_dep(catch2   catch2/catch_test_macros.hpp libCatch2Main.a libCatch2.a)

target_link_libraries(dep_uv INTERFACE Threads::Threads)
target_link_libraries(dep_mbedtls INTERFACE Threads::Threads)
# On x86-64 mbedTLS is built without AES-GCM of its own: src/tls/ipsecmb answers with intel-ipsec-mb.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  meshd_dep(ipsecmb intel-ipsec-mb.h libIPSec_MB.a)
  add_library(meshd_gcm STATIC src/tls/ipsecmb/gcm_alt.cc src/tls/ipsecmb/levels.cc)
  target_compile_options(meshd_gcm PRIVATE ${meshd_warnings})
  target_include_directories(meshd_gcm PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_include_directories(meshd_gcm SYSTEM PRIVATE ${mbedtls_include})
  # The two archives need each other: mbedTLS the cipher, the cipher mbedTLS's helpers.
  target_link_libraries(meshd_gcm PRIVATE dep_ipsecmb ${mbedtls_libmeshd_mbedtls.a})
  target_link_libraries(dep_mbedtls INTERFACE meshd_gcm)
endif()
# nghttp2.h declares nothing for import when it knows the archive is static.
target_compile_definitions(dep_nghttp2 INTERFACE NGHTTP2_STATICLIB)
# Exceptions of the JSON reader stop in base/; numbers keep 64 bits.
target_compile_definitions(dep_picojson INTERFACE PICOJSON_USE_INT64)

# Since 2023 re2 is built on abseil, whose archives only pkg-config knows.
find_package(PkgConfig)
if(PkgConfig_FOUND)
  pkg_check_modules(re2_pc QUIET re2)
  if(re2_pc_VERSION VERSION_GREATER_EQUAL 11)
    list(REMOVE_ITEM re2_pc_STATIC_LIBRARIES re2)
    target_link_libraries(dep_re2 INTERFACE ${re2_pc_STATIC_LIBRARIES})
  endif()
endif()
target_link_libraries(dep_re2 INTERFACE Threads::Threads)

# llhttp: Debian 12 ships the generated C source inside node-llhttp, Debian 13 an archive of its own.
find_path(llhttp_source llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
if(llhttp_source)
  find_path(llhttp_include llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
  add_library(llhttp STATIC ${llhttp_source}/api.c ${llhttp_source}/http.c ${llhttp_source}/llhttp.c)
  target_include_directories(llhttp PRIVATE ${llhttp_include})
  target_compile_options(llhttp PRIVATE -w)
  # Until 9.0 strictness was a choice at build time, and the default was lenient.
  target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
  add_library(dep_llhttp INTERFACE)
  target_link_libraries(dep_llhttp INTERFACE llhttp)
  target_include_directories(dep_llhttp SYSTEM INTERFACE ${llhttp_include})
else()
  meshd_dep(llhttp llhttp.h libllhttp.a)
endif()
