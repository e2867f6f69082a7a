# cmake -DIN=FILE -DOUT=FILE.c -DHEADER=x/y.h -DNAME=name -P embed.cmake: the bytes of a file as C.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR len "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
string(REGEX REPLACE "((,?'\\\\x[0-9a-f][0-9a-f]'){16}),?" "\\1,\n" bytes "${bytes}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst char ${NAME}[] = {\n${bytes}'\\0'};\nconst size_t ${NAME}_len = ${len};\n")
