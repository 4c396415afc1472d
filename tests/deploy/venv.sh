# To be sourced.

# A virtual environment in FOLDER with the packages of FILE, made anew when they change, or when it was broken off.
venv() {
  local folder=$1 file=$2 wanted
  wanted=$(python3 --version; cat "$file")
  if [[ ! -f $folder/filled-for || $(< "$folder/filled-for") != "$wanted" ]]; then
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$file"
    printf '%s\n' "$wanted" > "$folder/filled-for"
  fi
}
