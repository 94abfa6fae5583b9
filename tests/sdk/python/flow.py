"""The provider's Python SDK against a simulator: flow.py URL TOKEN"""

import json
import socket
import sys
import time

resolve = socket.getaddrinfo


def loopback_only(host, *args, **kwargs):
    """The SDK ignores the host given to its constructor: a mistake here must not reach the provider."""
    if host not in ("127.0.0.1", "localhost"):
        raise OSError(f"{host} is not the loopback")
    return resolve(host, *args, **kwargs)


socket.getaddrinfo = loopback_only

from totalvoice.cliente import Cliente  # noqa: E402

URL, TOKEN = sys.argv[1:]
MOBILE = "+5510999999999"


def client(token=TOKEN):
    made = Cliente(token)
    made.host = URL
    return made


def data(answer, status=200, reason=0):
    envelope = json.loads(answer)
    got = (envelope["status"], envelope["motivo"], envelope["sucesso"])
    assert got == (status, reason, status == 200), envelope
    return envelope["dados"]


def until(ask, reached):
    for _ in range(500):
        found = data(ask())
        if reached(found):
            return found
        time.sleep(0.01)
    raise AssertionError("never happened")


def check_report(resource, number):
    since, until_ = "2020-01-01T00:00:00-03:00", "2099-12-31T23:59:59-03:00"
    rows = data(resource.get_relatorio(since, until_))["relatorio"]
    assert number in [row["id"] for row in rows], (number, rows)


def calls(api):
    number = data(api.chamada.enviar("4000", MOBILE, tags="pedido-7"))["id"]
    live = until(lambda: api.chamada.get_by_id(str(number)), lambda call: call["destino"]["status"] == "atendida")
    assert live["ativa"] is True and live["tags"] == "pedido-7"
    assert api.chamada.avaliar(str(number), "5", "bom") is None
    assert data(api.chamada.deletar(str(number))) is None
    over = until(lambda: api.chamada.get_by_id(str(number)), lambda call: call["status_geral"] == "finalizada")
    assert over["destino"]["motivo_desconexao"] == "16. normal"
    check_report(api.chamada, number)
    data(api.chamada.deletar(str(number)), 404, 80)
    data(api.chamada.get_gravacao_chamada(str(number)), 404, 70)
    data(api.chamada.enviar("4000", "12"), 405, 11)


def torpedoes(api):
    tts = data(api.tts.enviar(MOBILE, "Olá", resposta_usuario=True, tipo_voz="br-Vitoria"))["id"]
    heard = until(lambda: api.tts.get_by_id(str(tts)), lambda row: row["status"] == "atendida")
    assert (heard["mensagem"], heard["resposta"]) == ("Olá", "1")
    check_report(api.tts, tts)

    audio = data(api.audio.enviar(MOBILE, "http://foooo.bar/audio.mp3"))["id"]
    assert data(api.audio.get_by_id(str(audio)))["url_audio"] == "http://foooo.bar/audio.mp3"
    check_report(api.audio, audio)

    actions = [{"acao": "tts", "acao_dados": {"mensagem": "Olá", "resposta_usuario": "true"}}]
    flow = data(api.composto.enviar(MOBILE, actions, tags="clienteX"))["id"]
    assert data(api.composto.get_by_id(str(flow)))["tags"] == "clienteX"
    check_report(api.composto, flow)
    data(api.composto.enviar(MOBILE, []), 405, 11)


def main():
    api = client()
    calls(api)
    torpedoes(api)
    room = data(api.conferencia.cria_conferencia())["id"]
    assert data(api.conferencia.get_by_id(str(room)))["chamadas"] == []
    assert data(api.minha_conta.get_webhook()) == {"webhooks": []}
    data(client("0" * 32).chamada.get_by_id("1"), 403, 40)


main()
