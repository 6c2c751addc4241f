//! `MESSAGE_ID=` of every kind of journal entry: random, and for ever the same.
//!
//! `systemd/sriovd.catalog` says for each what it means and what to do.

macro_rules! message_ids {
    ($($name:ident = $id:literal,)*) => {
        $(
            #[allow(missing_docs, reason = "the catalog says what each means")]
            pub const $name: &str = $id;
        )*

        /// All of them, each with its name.
        pub const ALL: &[(&str, &str)] = &[$((stringify!($name), $id)),*];
    };
}

message_ids! {
    STARTED = "f84e51ca068047039e56690cab7ebcfc",
    READY = "5ffeedbe286c4ca5b20f28753ddaf235",
    RELOADED = "427aef457f9c4302b2e7c95c832abe1d",
    STOPPING = "a55e094e45e84bd0a29387c8d58ce627",
    ENDED = "a9f248403bf64d12b0fa71c8e99778ba",
    PF_APPEARED = "d508a9f693f047c29291a3ee8d8ef9f7",
    PF_VANISHED = "e7b8332ae2f54b7585406d6782c26ba5",
    PASS_DONE = "2a698c054a094f899361c5618442ae64",
    VFS_TAKEN = "cbe2f2ae6a8048238ca7cadfaa896110",
    VF_COLLECTED = "51dbcc4f16634a128fba9959ba648bc2",
    NOT_COLLECTED = "53b15355ae734a81963327edc9361bfd",
    REFUSED = "7a8a38488c8544ca8d32b4cd6c52c96b",
    WAITING = "4f04f28577cb49788bb539134b6eeb73",
    FAILED = "5dd48269e33a4b7890e8b5a6c2457ef3",
    CONTESTED = "41ecd4ab77f94bf38887a9c545e55845",
    HUNG = "a03415c9380945a5a44380939b11d6f8",
    PAUSED = "52b8a7749aba4a3c99e185a1aa8d21a2",
    CLEARED = "566a2332cea7492babddf068ebf73c1b",
    POLICY_BROKEN = "1d4dad60fe8f4bab8f720d20404ab200",
    POLICY_RESTORED = "52b62eac350c42bc903aedc5253b1f2f",
    OUTPUT_WRITTEN = "27bb3b9d04754b2e83c5b21a3f517c60",
    OUTPUT_REMOVED = "4690e605e1504033a25c7972a3cfaee7",
    OUTPUT_HELD_BACK = "7b09101545f74097ab43e445dc83ce26",
    OUTPUT_REFUSED = "c2f9db0d02b2416b8003650d02685371",
    OUTPUT_REPAIRED = "09216df6bcbe4f4c95ed772eb76b7a77",
    OUTPUT_CONTESTED = "f38a40ec877b4d90975453f6eb1533a0",
    OVERRUN = "ef1f985bdc914a5ebfb3d2ed28a0d709",
    STATE_LOST = "946888a7dd034a549535570de50cb928",
    POLICY_WARNING = "e8ad4c44ecdf4de9a120f4a7ccce70b6",
    NOT_LISTED = "a65acf9141694dc2b5620dacea77df86",
    NODE_UNREAD = "9bba59c1875f4c4baa1cc39a86f29070",
    NODE_READ = "8286a3d32ae34d44aa6ea957663c9add",
    STATE_ENTRY_REFUSED = "6cf674bfbc12404180c9b1543ff15f12",
    STATE_NOT_SAVED = "10c931f2c7b44df99b545cd36dfe8e8d",
    STATE_SAVED = "5f878da8b7704d15804e75e51ebca373",
    VF_OPERATOR = "3d1fb0c6a5d94c3d9c0a6f2b7e84d915",
    UNIT_NOT_RESTARTED = "b962af640cb84feeb9294f73f4f953a7",
    NOT_WATCHED = "0b8ffc3e0c4841cda9bd7f34a0fdbcbd",
    WATCHED_AGAIN = "8e01c43806804b44bccf68175e106ed6",
    ENTRIES_LOST = "1e3220dff06b43fda39a6c9967b83fbe",
    TLS_BROKEN = "cbab1e7c1bee4f0ba5bfcc13385fbc09",
}
