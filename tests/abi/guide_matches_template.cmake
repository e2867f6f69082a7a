# The guide must contain the whole template, as one block of C.
file(READ ${GUIDE} guide)
file(READ ${TEMPLATE} template)
string(FIND "${guide}" "```c\n${template}```\n" at)
if(at EQUAL -1)
  message(FATAL_ERROR "the code in ${GUIDE} is not that of ${TEMPLATE}")
endif()
