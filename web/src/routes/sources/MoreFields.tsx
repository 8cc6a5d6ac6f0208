/** What few databases need: a certificate authority, a tunnel, AWS IAM, limits. */
import { Switch, NumberField, TextField } from "../../ui/Field";
import type { PartProps } from "./LoginFields";
import css from "./sources.module.css";

export function MoreFields(props: PartProps) {
  const { form, type } = props;
  const used = [
    (form.ca || form.serverName) && "certificate",
    form.hasTunnel && "SSH tunnel",
    form.login === "iam" && "AWS IAM",
    (form.connectTimeout || form.maxQueries !== null) && "limits",
  ].filter(Boolean);
  return (
    <details className={css.more} open={used.length > 0 || undefined}>
      <summary>
        <strong>More</strong>{" "}
        <span className="muted">
          {used.length > 0
            ? used.join(", ")
            : `certificate, SSH tunnel, ${type === "redshift" ? "AWS IAM, " : ""}limits`}
        </span>
      </summary>
      <div className={css.moreBody}>
        <Certificate {...props} />
        <Tunnel {...props} />
        {type === "redshift" && <Iam {...props} />}
        <Limits {...props} />
      </div>
    </details>
  );
}

function Certificate({ form, set, path }: PartProps) {
  return (
    <div className={css.group}>
      <h3>Certificate</h3>
      <TextField
        label="CA file"
        name={`${path}.ssl.ca`}
        value={form.ca}
        onChange={(ca) => set({ ca })}
        optional
        mono
        placeholder="/etc/outflow/redshift-ca.pem"
        help={
          <>
            A PEM file on the server’s machine with the authorities to trust. Amazon’s are known
            already. The operator has to allow <code>paths</code> for this.
          </>
        }
        spellCheck={false}
      />
      <TextField
        label="Name in the certificate"
        name={`${path}.ssl.server_name`}
        value={form.serverName}
        onChange={(serverName) => set({ serverName })}
        optional
        help="Where it is not the host: behind a tunnel or an alias."
        spellCheck={false}
      />
    </div>
  );
}

function Tunnel({ form, set, problems, path }: PartProps) {
  const { tunnel } = form;
  const change = (part: Partial<typeof tunnel>) => set({ tunnel: { ...tunnel, ...part } });
  return (
    <div className={css.group}>
      <Switch
        label="Connect through an SSH tunnel"
        name={`${path}.tunnel`}
        checked={form.hasTunnel}
        onChange={(hasTunnel) => set({ hasTunnel })}
        help="For a database that only a bastion host can reach."
      />
      {form.hasTunnel && (
        <>
          <div className={css.hostAndPort}>
            <TextField
              label="SSH host"
              name={`${path}.tunnel.host`}
              value={tunnel.host}
              onChange={(host) => change({ host })}
              problem={problems.tunnelHost}
              spellCheck={false}
            />
            <NumberField
              label="SSH port"
              name={`${path}.tunnel.port`}
              value={tunnel.port}
              onChange={(port) => change({ port })}
              placeholder="22"
              optional
            />
          </div>
          <TextField
            label="SSH user"
            name={`${path}.tunnel.user`}
            value={tunnel.user}
            onChange={(user) => change({ user })}
            optional
            spellCheck={false}
          />
          <TextField
            label="Private key file"
            name={`${path}.tunnel.key`}
            value={tunnel.key}
            onChange={(key) => change({ key })}
            optional
            mono
            help="On the server’s machine. Without one, ssh decides there."
            spellCheck={false}
          />
        </>
      )}
    </div>
  );
}

function Iam({ form, set, path }: PartProps) {
  const { iam } = form;
  const change = (part: Partial<typeof iam>) => set({ iam: { ...iam, ...part } });
  const help = "If the host does not say it.";
  return (
    <div className={css.group}>
      <Switch
        label="Log in with AWS IAM"
        name={`${path}.iam`}
        checked={form.login === "iam"}
        onChange={(on) => set({ login: on ? "iam" : "password" })}
        help="AWS makes a password for each connection; nothing is kept."
      />
      {form.login === "iam" && (
        <>
          <TextField
            label="Region"
            name={`${path}.iam.region`}
            value={iam.region}
            onChange={(region) => change({ region })}
            optional
            help={help}
            placeholder="eu-central-1"
          />
          <TextField
            label="Cluster"
            name={`${path}.iam.cluster`}
            value={iam.cluster}
            onChange={(cluster) => change({ cluster })}
            optional
            help={`Of a provisioned cluster. ${help}`}
          />
          <TextField
            label="Workgroup"
            name={`${path}.iam.workgroup`}
            value={iam.workgroup}
            onChange={(workgroup) => change({ workgroup })}
            optional
            help={`Of a serverless one. ${help}`}
          />
          <TextField
            label="Database user"
            name={`${path}.iam.user`}
            value={iam.user}
            onChange={(user) => change({ user })}
            optional
            help="On a cluster. Without one, AWS makes one of the identity."
          />
        </>
      )}
    </div>
  );
}

function Limits({ form, set, path }: PartProps) {
  return (
    <div className={css.group}>
      <h3>Limits</h3>
      <TextField
        label="Time to connect"
        name={`${path}.connect_timeout`}
        value={form.connectTimeout}
        onChange={(connectTimeout) => set({ connectTimeout })}
        optional
        placeholder="75s"
        help="How long the server may take to answer, such as 30s or 2m. A serverless workgroup wakes for up to a minute."
      />
      <NumberField
        label="Queries at a time"
        name={`${path}.max_queries`}
        value={form.maxQueries}
        onChange={(maxQueries) => set({ maxQueries })}
        optional
        help="So that syncs leave room for others."
      />
    </div>
  );
}
