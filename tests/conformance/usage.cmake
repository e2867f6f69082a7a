# cmake -DKIT=plugboard-check -DPLUGINS=folder of badly/*.so -P usage.cmake
# What the program itself does: with what status it ends, and what it says of plugins that take the
# process with them.
cmake_minimum_required(VERSION 3.25)

# expect(STATUS REGEX ARGUMENT...)
function(expect status regex)
  execute_process(COMMAND ${KIT} ${ARGN} OUTPUT_VARIABLE out ERROR_VARIABLE err RESULT_VARIABLE got)
  if(NOT got STREQUAL status OR NOT "${out}${err}" MATCHES "${regex}")
    message(FATAL_ERROR "plugboard-check ${ARGN}\nends with ${got} instead of ${status}, or does not "
      "say '${regex}':\n${out}${err}")
  endif()
endfunction()

set(good ${PLUGINS}/needs_option.so)
expect(64 "takes the file of one plugin")
expect(64 "takes the file of one plugin" ${good} ${good})
expect(64 "unknown option" --colour ${good})
expect(64 "No such file" /nonexistent/x.so)
expect(64 "--only takes groups and ids" --only Z ${good})
expect(64 "--only takes groups and ids" --only D,,L ${good})
expect(64 "--time-limit takes seconds" --time-limit 0 ${good})
expect(64 "takes --section" --config /dev/null ${good})
expect(64 "has no section \\[x\\]" --config /dev/null --section x ${good})
expect(64 "cannot read" --config /nonexistent/x.ini --section x ${good})
expect(64 "there is no check X1" --explain X1)
expect(0 "^Usage: plugboard-check " --help)
expect(0 "plugin ABI [0-9]+\\.[0-9]+" --version)
expect(0 "^D1  " --list)

expect(0 "D2   ok .*D6   ok .*: 2 ok, 0 failed, 0 that do not apply\n$" --only D2,D6 ${good})
expect(1 "L1   FAIL +needs its required option 'key' \\(a secret\\)" --only L1 ${good})
set(ini ${PLUGINS}/needs_option.ini)
file(WRITE ${ini} "[broker.x]\nkey = abc\nsize = 4\n")
expect(0 "L1   ok" --only L1 --config ${ini} --section broker.x ${good})
file(WRITE ${ini} "[broker.x]\nkey = abc\nsize = 10\n")
expect(1 "L1   FAIL +${ini}:3: .*size" --only L1 --config ${ini} --section broker.x ${good})

expect(1 "D1   FAIL .*L8   FAIL +the server does not load it: usage.cmake: .*not an ELF" --only D1,L8
  ${CMAKE_CURRENT_LIST_FILE})
expect(1 "L1   ok .*L8   FAIL +not done after 1 s: it hangs in start" --time-limit 1 --only L1,L8
  ${PLUGINS}/hangs.so)
expect(1 "L8   FAIL +killed by signal 6 \\(Aborted\\) in publish\nT4   FAIL" --only L8,T4
  ${PLUGINS}/crashes.so)
expect(1 "L8   FAIL +the process has exited with status 0 in create" --only L8 ${PLUGINS}/exits.so)
