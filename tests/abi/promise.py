#!/usr/bin/env python3
"""promise.py: do today's public headers keep what released ones have promised?

    promise.py OLD NEW      two include directories; one line per broken promise, status 1 if any

Every public header is compiled, and what the compiler understood is read from its debugging
information: each struct with its members' places and types, typedefs, enumerators, inline functions,
and the value of each macro. NEW is looked at twice: as it is, where tables may have grown at their
tail, and by PLUG_TARGET_MINOR as a plugin of OLD's minor sees it, where no table may be different at
all. Then libabigail's abidiff compares the latter with OLD without a suppression: its rule for tables
that grow would hide members of another type.
"""
import os
import re
import subprocess
import sys
import tempfile

from elftools.elf.elffile import ELFFile

CC = os.environ.get('CC', 'cc')
DEBUG = ['-g', '-gdwarf-4', '-O0', '-fno-eliminate-unused-debug-types', '-fkeep-static-functions',
         '-fkeep-inline-functions', '-w']


class Headers:
    """One set of public headers, as the compiler sees it for a target minor (None: its own)."""

    def __init__(self, include, work, target=None):
        self.include = os.path.realpath(include)
        self.work = tempfile.mkdtemp(dir=work)
        self.flags = ['-std=c11', '-I', self.include]
        if target is not None:
            self.flags.append(f'-DPLUG_TARGET_MINOR={target}')
        self.files = sorted(
            os.path.relpath(os.path.join(at, name), self.include)
            for at, _, names in os.walk(self.include) for name in names if name.endswith('.h'))
        if not self.files:
            raise SystemExit(f'{include}: no headers')
        self.ours = set()
        self.structs = {}  # name -> (size, [(member, offset, size, type)])
        self.others = {}  # 'typedef x', 'function x', 'enumerator X', 'variable x' -> text
        self.enums = []
        self.macros = {}
        self._read_macros()
        self._read_types(self._values_program())
        self.major = int(self.macros['PLUG_ABI_MAJOR'])
        self.minor = int(self.macros['PLUG_ABI_MINOR'])

    def _source(self, name, body):
        path = os.path.join(self.work, name + '.c')
        with open(path, 'w', encoding='utf-8') as file:
            file.writelines(f'#include <{header}>\n' for header in self.files)
            file.write(body)
        return path

    def _run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f'{self.include}: the headers do not compile:\n{done.stderr}')
        return done.stdout

    def compile(self, name, body, *flags):
        out = os.path.join(self.work, name)
        self._run(CC, *self.flags, *DEBUG, *flags, self._source(name, body), '-o', out)
        return out

    def _read_types(self, path):
        with open(path, 'rb') as file:
            for unit in ELFFile(file).get_dwarf_info().iter_CUs():
                self.ours = self._own_files(unit)
                for die in unit.get_top_DIE().iter_children():
                    if self._value(die, 'DW_AT_decl_file') in self.ours:
                        self._read(die)

    def _own_files(self, unit):
        lines = unit.dwarfinfo.line_program_for_CU(unit).header
        dirs = [b''] + list(lines['include_directory'])
        here = os.fsencode(self.include)
        return {number for number, entry in enumerate(lines['file_entry'], 1)
                if os.path.realpath(dirs[entry['dir_index']]).startswith(here)}

    def _read(self, die):
        name = self._name(die)
        if die.tag in ('DW_TAG_structure_type', 'DW_TAG_union_type'):
            if name and 'DW_AT_declaration' not in die.attributes:
                self.structs[name] = (self._value(die, 'DW_AT_byte_size'), self._members(die))
        elif die.tag == 'DW_TAG_typedef':
            self.others['typedef ' + name] = self._type(die)
        elif die.tag == 'DW_TAG_enumeration_type':
            self.enums.append(name or 'an enum without a name')
            for each in die.iter_children():
                self.others['enumerator ' + self._name(each)] = str(self._value(each, 'DW_AT_const_value'))
        elif die.tag == 'DW_TAG_subprogram':
            self.others['function ' + name] = self._function(die)
        elif die.tag == 'DW_TAG_variable':
            self.others['variable ' + name] = self._type(die)

    def _members(self, die):
        found = []
        for each in die.iter_children():
            if each.tag == 'DW_TAG_member':
                kind = self._type(each)
                if 'DW_AT_bit_size' in each.attributes:
                    kind += f' : {self._value(each, "DW_AT_bit_size")}'
                found.append((self._name(each) or '(without a name)', self._value(each, 'DW_AT_data_member_location') or 0,
                              self._size(self._target(each)), kind))
        return found

    @staticmethod
    def _value(die, attribute):
        return die.attributes[attribute].value if attribute in die.attributes else None

    def _name(self, die):
        name = self._value(die, 'DW_AT_name')
        return name.decode() if name else ''

    def _target(self, die):
        if 'DW_AT_type' not in die.attributes:
            return None
        return die.get_DIE_from_attribute('DW_AT_type')

    def _size(self, die):
        while die is not None:
            size = self._value(die, 'DW_AT_byte_size')
            if die.tag == 'DW_TAG_array_type':
                n = self._size(self._target(die))
                for count in self._bounds(die):
                    n *= int(count or 0)
                return n
            if size is not None:
                return size
            die = self._target(die)
        return 0

    def _bounds(self, die):
        for each in die.iter_children():
            if each.tag == 'DW_TAG_subrange_type':
                upper = self._value(each, 'DW_AT_upper_bound')
                yield '' if upper is None else str(upper + 1)

    def _type(self, die):
        """The type that an entry has, written out down to names."""
        return self._spell(self._target(die))

    def _spell(self, die):
        if die is None:
            return 'void'
        tag, name = die.tag, self._name(die)
        if tag == 'DW_TAG_pointer_type':
            return self._type(die) + ' *'
        if tag == 'DW_TAG_const_type':
            return f'{self._type(die)} const'
        if tag == 'DW_TAG_volatile_type':
            return f'{self._type(die)} volatile'
        if tag == 'DW_TAG_array_type':
            return self._type(die) + ''.join(f'[{count}]' for count in self._bounds(die))
        if tag == 'DW_TAG_subroutine_type':
            return f'({self._function(die)})'
        kind = {'DW_TAG_structure_type': 'struct ', 'DW_TAG_union_type': 'union ', 'DW_TAG_enumeration_type': 'enum '}.get(tag, '')
        if kind and not name:
            return kind + '{ ' + '; '.join(f'{at}: {of} {member}' for member, at, _, of in self._members(die)) + ' }'
        return kind + name

    def _function(self, die):
        arguments = []
        for each in die.iter_children():
            if each.tag == 'DW_TAG_formal_parameter':
                arguments.append(self._type(each))
            elif each.tag == 'DW_TAG_unspecified_parameters':
                arguments.append('...')
        return f'{self._type(die)} ({", ".join(arguments)})'

    def _read_macros(self):
        ours = False
        for line in self._run(CC, *self.flags, '-E', '-dD', self._source('macros', '')).splitlines():
            mark = re.match(r'# \d+ "([^"]*)"', line)
            if mark:
                ours = os.path.realpath(mark[1]).startswith(self.include)
            macro = re.match(r'#define (\w+(?:\([^)]*\))?) ?(.*)', line)
            if macro and ours and not re.fullmatch(r'PLUGBOARD_\w+_H', macro[1]):
                self.macros[macro[1]] = ' '.join(macro[2].split())

    def _values_program(self):
        """Numbers and strings are compared by value and type, not by their text."""
        body = '#include <stdio.h>\n#define T(x) _Generic((x), int: "", unsigned: "u", long: "l", unsigned long: "ul", char *: "s", default: "?")\n'
        body += 'static void show(const char *n, const char *t, const void *s, long long v)\n'
        body += '{ if (*t == \'s\') printf("%s \\"%s\\"\\n", n, (const char *)s); else printf("%s %lld%s\\n", n, v, t); }\n'
        body += 'const void *entry(void);\nconst void *entry(void) { return &PLUG_ENTRY; }\nint main(void) {\n'
        for name in self.macros:
            if self._is_value(name, self.macros):
                body += f'show("{name}", T({name}), (const void *)(unsigned long)({name}), (long long)({name}));\n'
        program = self.compile('values', body + 'return 0; }\n', '-Wl,--unresolved-symbols=ignore-all')
        self.macros.update(line.split(' ', 1) for line in self._run(program).splitlines())
        return program

    @staticmethod
    def _is_value(name, macros):
        """Is it an expression of numbers, strings and other such macros?"""
        rest = re.sub(r'"[^"]*"|\b(0[xX][\da-fA-F]+|\d+)[uUlL]*\b', ' 0 ', macros.get(name, ''))
        return bool(rest) and not re.search(r'[^\w\s()<>|&~+*/-]', rest) and \
            all(each != name and Headers._is_value(each, macros) for each in re.findall(r'[A-Za-z_]\w*', rest))


def may_grow(members):
    """A table says how long it is; what has no size is passed in arrays."""
    return any(name == 'size' and kind == 'uint32_t' for name, _, _, kind in members)


def compare_struct(name, old, new, growth, problems):
    (old_size, old_members), (new_size, new_members) = old, new
    now = {member: (at, size, kind) for member, at, size, kind in new_members}
    kept = set()
    for member, at, size, kind in old_members:
        current = member
        if member not in now and now.get('retired_' + member, (None,))[0] == at:
            current = 'retired_' + member
        kept.add(current)
        if current not in now:
            problems.append(f'{name}.{member}: is gone')
        elif now[current][0] != at:
            problems.append(f'{name}.{member}: was at byte {at}, is at {now[current][0]}')
        elif now[current][2] != kind:
            problems.append(f'{name}.{member}: was {kind}, is {now[current][2]}')
        elif now[current][1] != size:
            problems.append(f'{name}.{member}: had {size} bytes, has {now[current][1]}')
    added = [(member, at) for member, at, _, _ in new_members if member not in kept]
    for member, at in added:
        if not may_grow(old_members):
            problems.append(f'{name}.{member}: is new in a struct that has no size, and so must not grow')
        elif at < old_size:
            problems.append(f'{name}.{member}: is new at byte {at}, before the end at {old_size}')
        elif not growth:
            problems.append(f'{name}.{member}: is new, and not below #if PLUG_TARGET_MINOR >= its minor')
    if not added and new_size != old_size and not any(line.startswith(name + '.') for line in problems):
        problems.append(f'{name}: had {old_size} bytes, has {new_size}')


def compare(old, new, growth):
    problems = []
    for header in old.files:
        if header not in new.files:
            problems.append(f'{header}: is gone')
    for name, struct in old.structs.items():
        if name not in new.structs:
            problems.append(f'{name}: is gone')
        else:
            compare_struct(name, struct, new.structs[name], growth, problems)
    for name, text in old.others.items():
        if name not in new.others:
            problems.append(f'{name}: is gone')
        elif new.others[name] != text:
            problems.append(f'{name}: was {text}, is {new.others[name]}')
    for name, text in old.macros.items():
        if name in ('PLUG_ABI_MINOR', 'PLUG_TARGET_MINOR'):
            continue
        if name not in new.macros:
            problems.append(f'macro {name}: is gone')
        elif new.macros[name] != text:
            problems.append(f'macro {name}: was {text or "empty"}, is {new.macros[name] or "empty"}')
    for name in new.enums:
        problems.append(f'{name}: no enum may cross the border')
    return problems


def additions(old, new):
    """Anything that a plugin could use and older headers have not."""
    for name, (_, members) in new.structs.items():
        if name not in old.structs:
            yield name
        else:
            had = {member for member, *_ in old.structs[name][1]}
            yield from (f'{name}.{member}' for member, *_ in members if member not in had and not member.startswith('retired_'))
    yield from (name for name in new.others if name not in old.others)
    yield from (f'macro {name}' for name in new.macros if name not in old.macros)


def library(headers, names):
    """A shared object through which abidiff reaches every public type that the old headers have."""
    body = ''.join(f'struct {name} *abi_{name};\n' for name in names)
    return headers.compile('public.so', body + 'const struct plug_plugin PLUG_ENTRY = {0};\n', '-shared', '-fPIC')


def abidiff(old, new):
    done = subprocess.run(['abidiff', '--no-added-syms', library(old, old.structs), library(new, old.structs)],
                          capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else ['abidiff, as a plugin of that minor sees it:\n' + done.stdout + done.stderr]


def check(old_include, new_include, with_abidiff=True):
    """The broken promises, one line each, none twice. The old headers may have been read already."""
    with tempfile.TemporaryDirectory() as work:
        old = old_include if isinstance(old_include, Headers) else Headers(old_include, work)
        new = Headers(new_include, work)
        if old.major != new.major:
            raise SystemExit(f'{old.include}: is of major {old.major}, and {new.major} promises it nothing')
        if new.minor < old.minor:
            return [f'PLUG_ABI_MINOR: was {old.minor}, is {new.minor}']
        problems = compare(old, new, growth=True)
        if new.minor == old.minor:
            problems += [f'{name}: is new, but PLUG_ABI_MINOR is still {new.minor}, which is released' for name in additions(old, new)]
        seen = Headers(new_include, work, target=old.minor)
        problems += [line for line in compare(old, seen, growth=False) if line not in problems]
        if with_abidiff:
            problems += abidiff(old, seen)
        return problems


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    problems = check(sys.argv[1], sys.argv[2])
    for line in problems:
        print(line)
    print(f'{len(problems)} broken promises' if problems else 'every promise is kept')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
