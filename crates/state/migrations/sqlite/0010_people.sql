-- Who may use the service: users, sessions, known browsers and API tokens. Secrets are kept as
-- hashes alone.

CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
    password TEXT,
    issuer TEXT,
    subject TEXT,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    sum INTEGER NOT NULL DEFAULT 0,
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT, WITHOUT ROWID;
CREATE TRIGGER users_sum_insert AFTER INSERT ON users BEGIN
    UPDATE users SET sum = row_sum(
        NEW.name, NEW.role, NEW.password, NEW.issuer, NEW.subject, NEW.created_at,
        NEW.disabled_at
    ) WHERE name = NEW.name;
END;
CREATE TRIGGER users_sum_update AFTER UPDATE OF
    name, role, password, issuer, subject, created_at, disabled_at
ON users BEGIN
    UPDATE users SET sum = row_sum(
        NEW.name, NEW.role, NEW.password, NEW.issuer, NEW.subject, NEW.created_at,
        NEW.disabled_at
    ) WHERE name = NEW.name;
END;

CREATE TABLE sessions (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address TEXT,
    agent TEXT,
    sum INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_name, created_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE TRIGGER sessions_sum_insert AFTER INSERT ON sessions BEGIN
    UPDATE sessions SET sum = row_sum(
        NEW.hash, NEW.user_name, NEW.created_at, NEW.used_at, NEW.expires_at, NEW.address,
        NEW.agent
    ) WHERE hash = NEW.hash;
END;
CREATE TRIGGER sessions_sum_update AFTER UPDATE OF
    hash, user_name, created_at, used_at, expires_at, address, agent
ON sessions BEGIN
    UPDATE sessions SET sum = row_sum(
        NEW.hash, NEW.user_name, NEW.created_at, NEW.used_at, NEW.expires_at, NEW.address,
        NEW.agent
    ) WHERE hash = NEW.hash;
END;

CREATE TABLE browsers (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    used_at INTEGER NOT NULL,
    sum INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX browsers_of_user ON browsers (user_name, used_at);
CREATE TRIGGER browsers_sum_insert AFTER INSERT ON browsers BEGIN
    UPDATE browsers SET sum = row_sum(
        NEW.hash, NEW.user_name, NEW.used_at
    ) WHERE hash = NEW.hash;
END;
CREATE TRIGGER browsers_sum_update AFTER UPDATE OF
    hash, user_name, used_at
ON browsers BEGIN
    UPDATE browsers SET sum = row_sum(
        NEW.hash, NEW.user_name, NEW.used_at
    ) WHERE hash = NEW.hash;
END;

CREATE TABLE tokens (
    token TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER,
    revoked_at INTEGER,
    sum INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tokens_sum_insert AFTER INSERT ON tokens BEGIN
    UPDATE tokens SET sum = row_sum(
        NEW.token, NEW.hash, NEW.name, NEW.scope, NEW.created_by, NEW.created_at, NEW.expires_at,
        NEW.used_at, NEW.revoked_at
    ) WHERE token = NEW.token;
END;
CREATE TRIGGER tokens_sum_update AFTER UPDATE OF
    token, hash, name, scope, created_by, created_at, expires_at, used_at, revoked_at
ON tokens BEGIN
    UPDATE tokens SET sum = row_sum(
        NEW.token, NEW.hash, NEW.name, NEW.scope, NEW.created_by, NEW.created_at, NEW.expires_at,
        NEW.used_at, NEW.revoked_at
    ) WHERE token = NEW.token;
END;
