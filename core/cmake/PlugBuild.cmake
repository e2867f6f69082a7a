# Build rules that core, plugins, tests and bench share.

add_library(plug_flags INTERFACE)
target_compile_options(plug_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
  -Wvla -Wpointer-arith -Wwrite-strings -Wundef -fno-common -fno-strict-aliasing
  -fstack-protector-strong -D_GNU_SOURCE)
target_compile_definitions(plug_flags INTERFACE PLUGBOARD_VERSION="${PROJECT_VERSION}")
if(PLUG_WERROR)
  target_compile_options(plug_flags INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(plug_flags INTERFACE PLUG_DEBUG=1)
endif()
if(PLUG_SANITIZE)
  target_compile_options(plug_flags INTERFACE -fsanitize=${PLUG_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(plug_flags INTERFACE -fsanitize=${PLUG_SANITIZE})
endif()
if(PLUG_COUNT_LINES)
  # The calls for ThreadSanitizer, which bench/lines.c answers; what is done differently under
  # sanitizers is not.
  target_compile_options(plug_flags INTERFACE -fsanitize=thread -U__SANITIZE_THREAD__
    --param=tsan-instrument-func-entry-exit=0)
endif()
if(PLUG_COVERAGE)
  # Several threads count: without "atomic" they make counters negative, which gcovr refuses.
  target_compile_options(plug_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(plug_flags INTERFACE --coverage)
endif()
if(PLUG_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "PLUG_FUZZ needs clang: use the preset 'fuzz'")
  endif()
  target_compile_options(plug_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The public plugin headers: all that a plugin may include.
add_library(plugboard_abi INTERFACE)
target_include_directories(plugboard_abi INTERFACE ${CMAKE_SOURCE_DIR}/core/include)

# plug_core_module(NAME [DEPS ...]): one folder of core/ as the static library plug_NAME. Only the
# modules named in DEPS are linked, so the folder table of docs/architecture.md is enforced by the
# linker; includes are written "module/file.h".
function(plug_core_module name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.c)
  add_library(plug_${name} STATIC ${sources})
  target_include_directories(plug_${name} PUBLIC ${CMAKE_SOURCE_DIR}/core)
  target_link_libraries(plug_${name} PUBLIC plugboard_abi ${ARG_DEPS} PRIVATE plug_flags)
endfunction()

# plug_add_plugin(NAME SOURCES ... [LIBS ...]): a plugin exactly as a stranger builds one: public
# headers only, one exported symbol, nothing imported from the server.
function(plug_add_plugin name)
  cmake_parse_arguments(ARG "" "OUTPUT_DIRECTORY" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_OUTPUT_DIRECTORY)
    set(ARG_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/plugboard)
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY ${ARG_OUTPUT_DIRECTORY})
  target_link_libraries(${name} PRIVATE plugboard_abi plug_flags ${ARG_LIBS})
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${CMAKE_SOURCE_DIR}/core/sdk/plugin.map -Wl,-z,now,-z,relro)
  if(NOT PLUG_SANITIZE AND NOT PLUG_FUZZ AND NOT PLUG_COUNT_LINES)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  # The loader refuses what others may change, which a umask of 002 would make of a build.
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND chmod go-w $<TARGET_FILE:${name}> $<TARGET_FILE_DIR:${name}>)
  if(ARG_OUTPUT_DIRECTORY STREQUAL ${CMAKE_BINARY_DIR}/lib/plugboard)
    install(TARGETS ${name} LIBRARY DESTINATION lib/plugboard)
  endif()
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${CMAKE_SOURCE_DIR}/core/sdk/plugin.map)
endfunction()
