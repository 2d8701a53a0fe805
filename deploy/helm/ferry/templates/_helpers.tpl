{{- /* Labels of everything. Takes the root. */ -}}
{{- define "ferry.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: ferry
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- /* Metadata of what belongs to one workload. Takes (dict "root" $ "name" NAME). */ -}}
{{- define "ferry.own-labels" -}}
{{ include "ferry.labels" .root }}
app.kubernetes.io/name: {{ .name }}
{{- end }}

{{- define "ferry.image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := get $image.digests .name -}}
{{- with $image.registry }}{{ . }}/{{ end }}ferry-{{ .name }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* What every pod has: the restricted standard, no token, no variables of other services. */ -}}
{{- define "ferry.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: kubernetes.io/arch, operator: In, values: {{ .Values.architectures | toJson }}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* What every container has. Takes (dict "root" $ "image" NAME "resources" MAP). */ -}}
{{- define "ferry.container" -}}
image: {{ include "ferry.image" (dict "root" .root "name" .image) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{- toYaml .resources | nindent 2 }}
{{- end }}

{{- /* The bus, for a container's env. Takes (dict "root" $ "user" NAME). */ -}}
{{- define "ferry.bus-env" -}}
- {name: FERRY_NATS__URL, value: {{ .root.Values.bus.url | quote }}}
{{- if .root.Values.bus.caConfigMap }}
- {name: FERRY_NATS__TLS_CA_FILE, value: /etc/ferry/nats-ca/ca.crt}
{{- end }}
- {name: FERRY_NATS__USER, value: {{ .user }}}
{{- end }}

{{- define "ferry.ca-mount" -}}
{{- if .Values.bus.caConfigMap }}
- {name: nats-ca, mountPath: /etc/ferry/nats-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "ferry.ca-volume" -}}
{{- with .Values.bus.caConfigMap }}
- name: nats-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "ferry.tmp-volume" -}}
- name: tmp
  emptyDir: {sizeLimit: 16Mi}
{{- end }}

{{- /* The objects of a file of kustomize's components, with our labels and namespace. Takes (dict "root" $ "file" PATH). */ -}}
{{- define "ferry.component" -}}
{{- $root := .root -}}
{{- range splitList "\n---\n" ($root.Files.Get .file) }}
{{- $object := . | fromYaml }}
{{- $_ := set $object.metadata "labels" (include "ferry.labels" $root | fromYaml) }}
{{- $_ := set $object.metadata "namespace" $root.Release.Namespace }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
