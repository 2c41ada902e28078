# Writes its words and its environment, each ended by NUL, and what is in the volume of data.
for word; do printf '%s\0' "$word"; done >"$LAUNCHER_LOG_DIR/words"
env -0 >"$LAUNCHER_LOG_DIR/variables"
cat '/data, "quoted"/f' >"$LAUNCHER_LOG_DIR/data"
