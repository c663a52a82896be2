#!/usr/bin/env bash
# Question: does the compiler refuse every include against the arrows between rooms?
# Result: for each pair of rooms, a one-line file that includes a public header of the second
# compiles with the include directories of the first exactly when an arrow allows it, and a
# refused one fails because the header is not found; and no two types of the rooms have the same name
# with its namespaces, which linkers take for one type without a word.
# usage: walls_test.sh COMPILER SOURCE_DIR INCLUDE_TABLE
set -euo pipefail
compiler=$1 source_dir=$2 include_table=$3

# room -> rooms that it may include, besides itself
declare -A arrows=(
  [core]=""
  [models]="core"
  [datasets]="core"
  [hardware]="core"
  [energy]="core hardware"
  [search]="core"
  [app]="core models datasets hardware energy search"
)
failures=0
complain() {
  printf 'FAILED: %s\n' "$*"
  failures=$((failures + 1))
}

# include_flags ROOM: the -I flags that the build gives to the room's sources.
include_flags() {
  local line
  line=$(grep "^$1 " "$include_table")
  tr ':' '\n' <<<"${line#* }" | sed -n 's/^..*/-I&/p'
}

# a_header ROOM: one public header of the room, as an include names it; the shortest, to be quick.
a_header() {
  find "$source_dir/$1/include" -name '*.hpp' -printf '%s %P\n' 2>/dev/null | sort -n |
    sed -n '1s/^[0-9]* //p'
}

allowed=0 refused=0
for room in core models datasets hardware energy search app; do
  mapfile -t flags < <(include_flags "$room")
  for other in core models datasets hardware energy search app; do
    header=$(a_header "$other")
    if [[ -z $header ]]; then
      complain "$other has no public header"
      continue
    fi
    status=0
    message=$(printf '#include <%s>\n' "$header" |
      "$compiler" -std=c++20 -fsyntax-only "${flags[@]}" -x c++ - 2>&1) || status=$?
    if [[ " $room ${arrows[$room]} " == *" $other "* ]]; then
      allowed=$((allowed + 1))
      ((status == 0)) || complain "$room may include <$header>, and it does not compile: $message"
    else
      refused=$((refused + 1))
      if ((status == 0)); then
        complain "$room can include <$header>"
      elif [[ $message != *"$header: No such file or directory"* ]]; then
        complain "$room, <$header>: refused for another reason: $message"
      fi
    fi
  done
done
printf '%d allowed and %d forbidden includes compiled\n' "$allowed" "$refused"

# A relative path would climb over the walls.
climbing=$(grep -rnE '#include *["<][^">]*\.\./' --include='*.hpp' --include='*.cpp' \
  "$source_dir"/{core,models,datasets,hardware,energy,search,app} || true)
[[ -z $climbing ]] || complain "includes with '..': $climbing"

# Third-party libraries stay behind the public headers.
leaking=$(grep -rnE '#include *<(yaml-cpp|hdf5|H5|boost|tbb|oneapi|hwy|fmt|pagmo|nlohmann|CLI|zlib)' \
  --include='*.hpp' "$source_dir"/{core,models,datasets,hardware,energy,search}/include || true)
[[ -z $leaking ]] || complain "third-party headers in public headers: $leaking"

types=$(find "$source_dir"/{core,models,datasets,hardware,energy,search,app} \
  \( -name '*.hpp' -o -name '*.cpp' \) -print0 | xargs -0 awk '
    FNR == 1 { space = ""; nameless = 0 }
    /^namespace [a-z:]+ \{/ { space = $2 }
    /^namespace \{/ { nameless = 1 }
    /^\}  \/\/ namespace$/ { nameless = 0 }
    !nameless && match($0, /^(struct|class|enum class) [A-Za-z0-9_]+( final)?( :| \{)/) {
      name = ($1 == "enum") ? $3 : $2
      sub(/[:{].*/, "", name)
      print space "::" name, FILENAME
    }' | sort)
(($(wc -l <<<"$types") > 200)) || complain "only these types were found: $types"
while read -r name; do
  complain "several types are called $name: $(grep "^$name " <<<"$types" | cut -d' ' -f2 | xargs)"
done < <(cut -d' ' -f1 <<<"$types" | uniq -d)

((failures == 0))
